import Foundation
import HostTestKit
import Testing

/// More hosts on the link than the kernel's neighbour table takes (gc_thresh3, 1,024 unless raised): a datagram to one
/// more fails, with ENOBUFS for IPv4 and EINVAL for IPv6.
///
/// The kernel has one such table for all hosts of this machine, also for those of other tests: `make test` runs these
/// alone.
@Suite("Hosts: a full neighbour table", .serialized, .onTestHosts) struct NeighbourTableTests {
  @Test(arguments: [false, true])
  func hostsThatItHasNoRoomForKeepNobodyWaiting(isIPv6: Bool) async throws {
    try await withTestNetwork { network in
      let site = try await NotifierSite(in: network, isIPv6: isIPv6)
      let other = try await network.addHost("other")
      let address = isIPv6 ? "fd77::20" : other.address
      if isIPv6 { try await other.add(address: address) }
      try await other.startPortMapper()
      try await other.startOwnStatusMonitor()
      let link = isIPv6 ? ["fd99::1/64", "nodad"] : ["10.99.0.1/16"]
      try await site.server.run(["ip", "address", "add"] + link + ["dev", "eth0"]).orThrow()
      let crowd = try await site.server.startCrowd(clients: 200, isIPv6: isIPv6, names: site.names)
      let dead = (0..<2_000).map {
        isIPv6 ? "fd99::1:" + String($0, radix: 16) : "10.99.\(1 + $0 >> 8).\($0 & 0xff)"
      }
      // The later a record was written the earlier its client is told: the dead come first.
      let folder = try site.server.makeStatusDirectory(
        "private", clients: crowd.addresses + dead, state: 71)
      let notifier = try await site.start(folder, for: "20s")
      try await eventually("the table is full") {
        try await isIPv6 ? site.server.packetsWithoutNeighbour() > 0 : site.server.refusedDatagrams() > 0
      }
      // Whom nobody has spoken to yet has no place in the table.
      try await site.server.run([
        HostTestKit.builtProgram("nsm-peer"), "notify", "--host", address, "--mon-name", "nobody",
        "--state", "5", "--limit", "100",
      ]).orThrow()

      let told = try await site.end(of: notifier)
      let heard = try await crowd.stop()
      #expect(told.end == .exited(1) && told.answer.all == 2_200)
      #expect(told.names == Set(crowd.addresses) && heard.summary.told == 200)
      #expect(Set(site.untold(in: folder)) == Set(dead))
      let crowdedOut = told.answer.clients.count { $0.problem?.contains("gc_thresh3") == true }
      note(
        "\(crowdedOut) of 2,000 found no room; last of the living after \(heard.summary.seconds.last ?? 0) s"
      )
      #expect(crowdedOut > 0)
      #expect(try #require(heard.summary.seconds.last) < 12)
    }
  }
}

extension TestHost {
  /// How many IPv6 packets had no place in the table: the kernel counts them as those without a route.
  fileprivate func packetsWithoutNeighbour() async throws -> Int {
    let text = try await run(["cat", "/proc/net/snmp6"]).orThrow().output
    guard let count = text.firstMatch(of: /Ip6OutNoRoutes\s+(\d+)/).flatMap({ Int($0.1) }) else {
      throw HostTestError("no count of packets without a route in \(text)")
    }
    return count
  }
}
