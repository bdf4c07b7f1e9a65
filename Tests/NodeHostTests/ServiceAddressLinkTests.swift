import Glibc
import Synchronization
import Testing

@testable import NodeHost

// Needs root and ip for network namespaces of its own.
@Suite("The service's address on a link (M7, T7)", .enabled(if: canMakeNamespaces), .timeLimit(.minutes(30)))
struct ServiceAddressLinkTests {
  @Test(
    "An address is taken and released, twice each without harm", arguments: ["192.0.2.10", "2001:db8::10"])
  func takeAndRelease(address: String) async throws {
    try await Cable.with { cable in
      let link = try cable.link(address)
      #expect(try await !link.isPresent())
      try await link.release()
      for _ in 1...2 {
        try await link.take()
        #expect(try await link.isPresent())
      }
      let shown = await cable.serverAddresses()
      #expect(shown.contains("\(address)/"))
      // Usable at once: no duplicate address detection is under way.
      #expect(
        !shown.split(separator: "\n").contains { $0.contains("\(address)/") && $0.contains("tentative") })
      if !address.contains(":") {
        #expect(shown.contains("192.0.2.10/24 brd 192.0.2.255"))
      }
      // This machine's own addresses are another namespace's.
      let here = try ServiceAddressLink(address: address, prefixLength: 24, interface: "lf0")
      #expect(try await !here.isPresent())
      for _ in 1...2 {
        try await link.release()
        #expect(try await !link.isPresent())
      }
      #expect(await !cable.serverAddresses().contains("\(address)/"))
    }
  }

  @Test("A neighbour that knew the old owner learns the new one", arguments: ["192.0.2.10", "2001:db8::10"])
  func announce(address: String) async throws {
    try await Cable.with { cable in
      let link = try cable.link(address)
      try await link.take()
      let new = try await cable.hardwareAddress(of: cable.server)
      try await cable.mustRun([
        "-n", cable.client, "neighbour", "replace", address, "lladdr", "02:00:00:00:00:99", "dev", "lf0",
        "nud",
        "stale",
      ])
      func neighbour() async -> String {
        await cable.ip(["-n", cable.client, "neighbour", "show", address, "dev", "lf0"]).output
      }
      #expect(await neighbour().contains("02:00:00:00:00:99"))
      try await link.announce()
      try await eventually("the neighbour's table changes") { await neighbour().contains(new) }
    }
  }

  @Test("Every round of an announcement is on the wire", .enabled(if: access("/usr/bin/tcpdump", X_OK) == 0))
  func rounds() async throws {
    // Needs tcpdump besides.
    try await Cable.with { cable in
      let lines = Mutex<[String]>([])
      let capture = try await LongRunningCommand.start(
        ["/usr/bin/tcpdump", "-l", "-n", "-e", "-v", "-i", "lf0", "arp or (icmp6 and ip6[40] == 136)"],
        networkNamespace: "/run/netns/" + cable.client
      ) { line in lines.withLock { $0.append(line) } }
      defer { capture.terminate() }
      try await eventually("tcpdump listens") {
        lines.withLock { $0.contains { $0.contains("listening on") } }
      }
      for address in ["192.0.2.10", "2001:db8::10"] {
        let link = try cable.link(address)
        try await link.take(probing: .none)
        try await link.announce()
        try await link.announceAgain(AddressAnnouncing(count: 2, interval: .milliseconds(10)))
      }
      func count(_ words: String...) -> Int {
        lines.withLock { lines in lines.filter { line in words.allSatisfy { line.contains($0) } }.count }
      }
      try await eventually("two requests") { count("Request who-has 192.0.2.10", "tell 192.0.2.10") == 2 }
      try await eventually("two replies") { count("Reply 192.0.2.10 is-at") == 2 }
      try await eventually("two advertisements") {
        count("2001:db8::10 > ff02::1", "tgt is 2001:db8::10", "override") == 2
      }
      #expect(count("hlim 255", "2001:db8::10 > ff02::1") == 2)
      // And one question, whether another machine has it as well.
      #expect(count("Request who-has 192.0.2.10", "tell 0.0.0.0") == 1)
      #expect(count("> ff:ff:ff:ff:ff:ff", "192.0.2.10") == 5)
      capture.terminate()
      _ = await capture.wait()
    }
  }

  @Test("An interface that isn't there, or is down, is an error that says so")
  func wrongInterface() async throws {
    try await Cable.with { cable in
      let absent = try cable.link("192.0.2.10", interface: "none0")
      let error = await #expect(throws: NodeHostError.self) { try await absent.take() }
      #expect(error?.code == .absent)
      #expect(error?.message.contains("none0") == true)
      #expect(try await !absent.isPresent())
      try await absent.release()
      await #expect(throws: NodeHostError.self) { try await absent.announce() }

      try await cable.mustRun(["-n", cable.server, "link", "set", "lf0", "down"])
      let down = await #expect(throws: NodeHostError.self) { try await cable.link("192.0.2.10").take() }
      #expect(down?.code == .conflict)
      #expect(down?.message.contains("down") == true)
    }
  }

  @Test("An address that another interface here has is a conflict, and stays where it is")
  func onAnotherInterface() async throws {
    try await Cable.with { cable in
      try await cable.mustRun(["-n", cable.server, "address", "add", "192.0.2.10/32", "dev", "lo"])
      let link = try cable.link("192.0.2.10")
      let error = await #expect(throws: NodeHostError.self) { try await link.take() }
      #expect(error?.code == .conflict)
      #expect(error?.message.contains("on lo") == true)
      #expect(try await !link.isPresent())
      // It isn't gone from this machine as long as anything here answers for it.
      let still = await #expect(throws: NodeHostError.self) { try await link.release() }
      #expect(still?.code == .conflict)
      #expect(still?.message.contains("192.0.2.10/32 is on lo here") == true)
      #expect(try await cable.link("192.0.2.10", interface: "lo").isPresent())
    }
  }

  @Test("What isn't on the interface isn't announced there; on loopback there is nobody to tell")
  func announceNothing() async throws {
    try await Cable.with { cable in
      let link = try cable.link("192.0.2.10")
      let error = await #expect(throws: NodeHostError.self) { try await link.announce() }
      #expect(error?.code == .conflict)
      let loopback = try cable.link("192.0.2.11", prefixLength: 32, interface: "lo")
      try await loopback.take()
      try await loopback.announce()
    }
  }

  @Test("Releasing the first address of a network doesn't take the others along")
  func otherAddresses() async throws {
    try await Cable.with { cable in
      try await cable.mustRun(["-n", cable.server, "address", "flush", "dev", "lf0"])
      let outcome = await HostCommand.run(
        [
          "/bin/sh", "-c",
          "echo 0 > /proc/sys/net/ipv4/conf/all/promote_secondaries;"
            + " echo 0 > /proc/sys/net/ipv4/conf/lf0/promote_secondaries",
        ],
        within: .seconds(60), networkNamespace: cable.serverPath)
      try #require(outcome.succeeded, "\(outcome.output)")
      let link = try cable.link("192.0.2.10")
      try await link.take()
      for host in [20, 30] {
        try await cable.mustRun(["-n", cable.server, "address", "add", "192.0.2.\(host)/24", "dev", "lf0"])
      }
      try await link.release()
      let shown = await cable.serverAddresses()
      #expect(!shown.contains("192.0.2.10/"))
      #expect(shown.contains("192.0.2.20/24") && shown.contains("192.0.2.30/24"))
    }
  }

  @Test("An address with another prefix length is there, and can be released")
  func otherPrefix() async throws {
    try await Cable.with { cable in
      try await cable.mustRun(["-n", cable.server, "address", "add", "192.0.2.10/32", "dev", "lf0"])
      let link = try cable.link("192.0.2.10")
      #expect(try await link.isPresent())
      try await link.take()
      try await link.release()
      #expect(try await !link.isPresent())
    }
  }

  @Test("A network namespace that isn't there is an error that names it")
  func noNamespace() async throws {
    let link = try ServiceAddressLink(
      address: "192.0.2.10", prefixLength: 24, interface: "lf0", networkNamespace: "/run/netns/lf-t-none")
    let error = await #expect(throws: NodeHostError.self) { try await link.isPresent() }
    #expect(error?.message.contains("/run/netns/lf-t-none") == true)
  }
}
