import Foundation
import HostTestKit
import Testing

extension ClientHostTests {
  /// Calls from a machine whose kernel takes no datagram for a while: ENOBUFS, which libtirpc's sockets are told of
  /// because they ask for errors (IP_RECVERR).
  @Suite("A link that takes nothing") struct FullLink {
    /// A queue without room stands for the neighbour table, of which there is one for all hosts of this machine.
    @Test func aCallIsSentAgainUntilThereIsRoom() async throws {
      try await withTestNetwork { network in
        let host = try await network.addHost("server")
        let caller = try await network.addHost("caller")
        try await host.startPortMapper()
        try await host.startOwnStatusMonitor()
        try await caller.knowNeighbour(host)
        try await caller.setQueue(hasRoom: false)
        let call = try await caller.start(Self.call(to: host, limit: 300))
        try await eventually("its datagrams were refused more than once") {
          guard call.isRunning else { return true }
          return try await caller.refusedDatagrams() > 1
        }
        #expect(call.isRunning, "it has given up: \(call.errors)")
        try await caller.setQueue(hasRoom: true)
        #expect(try await call.waitForEnd(within: .seconds(120)).succeeded, "\(call.errors)")
        #expect(call.output.contains("success"))
      }
    }

    @Test func whereThereIsNoRoomTheErrorSaysSo() async throws {
      try await withTestNetwork { network in
        let host = try await network.addHost("server")
        let caller = try await network.addHost("caller")
        try await caller.knowNeighbour(host)
        try await caller.setQueue(hasRoom: false)
        // A machine that stands still at the end of the limit knows no more than that there was no answer.
        try await eventually("the error says what to do") {
          let call = try await caller.run(Self.call(to: host, limit: 2))
          #expect(!call.end.succeeded)
          return call.errors.contains("or a send queue full?")
            && call.errors.contains("net.ipv4.neigh.default.gc_thresh3")
        }
      }
    }

    private static func call(to host: TestHost, limit: Int) throws -> [String] {
      try [
        HostTestKit.builtProgram("nsm-peer"), "notify", "--host", host.address, "--mon-name", "nobody",
        "--state", "5", "--limit", "\(limit)",
      ]
    }
  }
}

extension TestHost {
  /// Has the queue of this host's link refuse every packet, or take them again.
  fileprivate func setQueue(hasRoom: Bool) async throws {
    try await run(["tc", "qdisc", "replace", "dev", "eth0", "root", "pfifo", "limit", hasRoom ? "1000" : "0"])
      .orThrow()
  }

  /// Makes the link's address of a host known for good: the datagram itself meets the queue, no question for it.
  fileprivate func knowNeighbour(_ host: TestHost) async throws {
    let text = try await host.run(["ip", "-o", "link", "show", "dev", "eth0"]).orThrow().output
    guard let address = text.firstMatch(of: /link\/ether ([0-9a-f:]+)/)?.1 else {
      throw HostTestError("no address of the link in: \(text)")
    }
    try await run([
      "ip", "neighbour", "replace", host.address, "lladdr", String(address), "dev", "eth0", "nud",
      "permanent",
    ]).orThrow()
  }

  /// How many datagrams of this host's programs the kernel had no room for.
  func refusedDatagrams() async throws -> Int {
    let lines = try await run(["cat", "/proc/net/snmp"]).orThrow().output.split(separator: "\n")
    let udp = lines.filter { $0.hasPrefix("Udp:") }.map { $0.split(separator: " ") }
    guard udp.count == 2, let column = udp[0].firstIndex(of: "SndbufErrors"), column < udp[1].count,
      let count = Int(udp[1][column])
    else { throw HostTestError("no count of refused datagrams in \(lines)") }
    return count
  }
}
