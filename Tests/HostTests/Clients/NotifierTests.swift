import Foundation
import Glibc
import HostTestKit
import Testing

/// A fault of the crowd, and how it is asked for.
struct CrowdFault: CustomTestStringConvertible, Sendable {
  let options: [String]
  let isIPv6: Bool
  /// Where some clients can't be told, the notifier is given only so long.
  let limit: String

  init(_ options: String, limit: String = "120s", isIPv6: Bool = false) {
    self.options = options.split(separator: " ").map(String.init)
    self.limit = limit
    self.isIPv6 = isIPv6
  }

  var testDescription: String {
    (options.isEmpty ? "none" : options.joined(separator: " ")) + (isIPv6 ? " (IPv6)" : "")
  }

  static let each = [
    CrowdFault(""),
    CrowdFault("--drop-requests 30%"),
    CrowdFault("--drop-replies 30%"),
    CrowdFault("--delay 100% --delay-by 80"),
    CrowdFault("--duplicate 100%"),
    CrowdFault("--reorder 100%"),
    CrowdFault("--late 40% --late-by 2500"),
    CrowdFault("--garbage 40%"),
    CrowdFault("--wrong-id 40%"),
    CrowdFault("--wrong-source 40%"),
    // Nothing good ever comes over UDP; TCP works.
    CrowdFault("--garbage 100%"),
    CrowdFault("--wrong-source 100%"),
    CrowdFault("--drop-replies 100%"),
    CrowdFault("--dead 20%", limit: "8s"),
    CrowdFault("--no-statd 20%", limit: "8s"),
    CrowdFault("--late-statd 100%"),
    CrowdFault("--silent-udp 30%"),
    CrowdFault("--closed-udp 30%"),
    CrowdFault("--silent-tcp 100%"),
    CrowdFault("--silent-udp 30% --silent-tcp 100%", limit: "8s"),
    CrowdFault("--moving 100%"),
    CrowdFault("--old-rpcbind 100%"),
    CrowdFault("--program-unavailable 30%"),
    CrowdFault("--authentication-error 30%"),
    CrowdFault("--system-error 30%"),
    CrowdFault("--program-unavailable 10% --system-error 10% --error-calls 0", limit: "8s"),
    // What differs with IPv6: the look-up, and the addresses of datagrams.
    CrowdFault("", isIPv6: true),
    CrowdFault("--drop-requests 30%", isIPv6: true),
    CrowdFault("--garbage 40%", isIPv6: true),
    CrowdFault("--wrong-source 40%", isIPv6: true),
    CrowdFault("--late-statd 100%", isIPv6: true),
    CrowdFault("--silent-udp 30%", isIPv6: true),
    CrowdFault("--closed-udp 30%", isIPv6: true),
    CrowdFault("--moving 100%", isIPv6: true),
    CrowdFault("--old-rpcbind 100%", isIPv6: true),
  ]
}

extension ClientHostTests {
  /// `lockferry notify` against clients that behave badly (B2, the recovery sequence of M7).
  @Suite("The notifier and its clients") struct Notifier {
    @Test(arguments: CrowdFault.each)
    func whoeverCanBeToldIsToldAndNobodyElseCountsAsTold(fault: CrowdFault) async throws {
      try await withTestNetwork { network in
        let site = try await NotifierSite(in: network, isIPv6: fault.isIPv6)
        let crowd = try await site.server.startCrowd(
          clients: 100, isIPv6: fault.isIPv6, names: site.names, fault.options)
        let folder = try site.server.makeStatusDirectory("private", clients: crowd.addresses, state: 71)
        let start = ContinuousClock.now
        let told = try await site.end(of: site.start(folder, for: fault.limit))
        let took = ContinuousClock.now - start
        let heard = try await crowd.stop()
        expectFair(told, heard, site)
        #expect(told.answer.stateNumber == 73)
        #expect(Set(site.untold(in: folder)) == Set(crowd.addresses).subtracting(told.names))
        note(
          "\(fault.testDescription): \(told.answer.told) of 100 in \(took), \(heard.summary.duplicates) "
            + "duplicates, \(heard.summary.packets.received) packets, last after \(heard.summary.seconds.last ?? 0) s"
        )
      }
    }

    @Test(arguments: [false, true])
    func everyLiveClientIsToldThoughThirtyPercentAreLostAndFivePercentAreDead(isIPv6: Bool) async throws {
      try await withTestNetwork { network in
        let site = try await NotifierSite(in: network, isIPv6: isIPv6)
        let crowd = try await site.server.startCrowd(
          clients: 1_000, isIPv6: isIPv6, names: site.names,
          ["--drop-requests", "30%", "--drop-replies", "30%", "--dead", "5%"])
        let folder = try site.server.makeStatusDirectory("private", clients: crowd.addresses, state: 71)
        let notifier = try await site.start(folder)
        let heard = try await site.stop(notifier, crowd, in: folder, whenLeft: 50)
        #expect(heard.summary.told == 950 && heard.summary.tellable == 950)
        note(
          "30 % lost, 5 % dead: last of the live after \(heard.summary.seconds.last ?? 0) s, "
            + "\(heard.summary.duplicates) duplicates")
      }
    }

    /// A dead client takes time over TCP, which those pay who hear nothing else.
    @Test func theDeadDoNotKeepThoseWaitingWhoHearTCPAlone() async throws {
      try await withTestNetwork { network in
        let site = try await NotifierSite(in: network)
        let crowd = try await site.server.startCrowd(
          clients: 1_000, names: site.names, ["--dead", "50%", "--silent-udp", "30%"])
        let folder = try site.server.makeStatusDirectory("private", clients: crowd.addresses, state: 71)
        let notifier = try await site.start(folder)
        // The notifier's own report would come when it gives the dead up.
        let heard = try await site.stop(notifier, crowd, in: folder, whenLeft: 500, within: .seconds(25))
        #expect(heard.summary.told == 500)
      }
    }

    @Test func oneRunTellsClientsOfBothKindsOfAddressEachFromTheServersOwn() async throws {
      try await withTestNetwork { network in
        let site = try await NotifierSite(in: network)
        try await site.server.add(address: "fd77::10")
        let names = site.names + ["fd77::10"]
        let four = try await site.server.startCrowd(clients: 50, names: names)
        let six = try await site.server.startCrowd(clients: 50, isIPv6: true, names: names)
        let folder = try site.server.makeStatusDirectory(
          "private", clients: four.addresses + six.addresses, state: 71)
        let told = try await site.end(of: site.start(folder, ["--from", "fd77::10"]))
        #expect(told.end == .exited(0) && told.answer.told == 100)
        for (crowd, source) in [(four, site.address), (six, "fd77::10")] {
          let heard = try await crowd.stop()
          #expect(heard.summary.told == 50)
          #expect(heard.summary.sources.map(\.address) == [source])
        }
      }
    }

    /// The clients' status monitors stand at the resolver's port and answer none of its questions.
    @Test func aSilentResolverDelaysNobodyWhoseRecordHoldsAnAddress() async throws {
      try await withTestNetwork { network in
        let site = try await NotifierSite(in: network)
        let crowd = try await site.server.startCrowd(clients: 100, names: site.names, ["--port", "53"])
        try await site.server.ask(resolver: crowd.addresses[0])
        let named = (1...40).map { "client\($0).lost.test" }
        let folder = try site.server.makeStatusDirectory(
          "private", clients: crowd.addresses + named, state: 71)
        let told = try await site.end(of: site.start(folder, for: "15s"))
        let heard = try await crowd.stop()
        #expect(heard.summary.told == 100)
        #expect(told.names == Set(crowd.addresses) && told.end == .exited(1))
        // Each question to the resolver takes 30 s.
        #expect(try #require(heard.summary.seconds.last) < 15)
        for client in told.answer.clients where !client.told {
          #expect(client.problem?.contains("resolver") == true, "\(client)")
        }
        #expect(site.untold(in: folder) == named.sorted())
      }
    }

    /// As the notifier has few descriptors, all but some connections fail at once, and each lets the next begin. It shows
    /// that such a run ends; the chain is too short here to overflow a stack, were they performed one within the other.
    @Test func thousandsOfConnectionsThatFailAtOnceEndNobody() async throws {
      try await withTestNetwork { network in
        let site = try await NotifierSite(in: network)
        // Nobody listens there, and their kernel says so.
        let clients = (0..<6_000).map { "127.2.\($0 >> 8).\($0 & 0xff)" }
        let folder = try site.server.makeStatusDirectory("private", clients: clients, state: 71)
        let told = try await site.end(
          of: site.start(folder, for: "8s", running: ["prlimit", "--nofile=40"]))
        #expect(told.end == .exited(1) && told.answer.all == 6_000 && told.answer.told == 0)
        #expect(told.answer.clients.allSatisfy { $0.problem != nil })
      }
    }

    /// A record that is a mount point can't be unlinked.
    @Test func aRecordThatCanNotBeRemovedKeepsNobodyElses() async throws {
      try await withTestNetwork { network in
        let site = try await NotifierSite(in: network)
        let crowd = try await site.server.startCrowd(clients: 50, names: site.names)
        let folder = try site.server.makeStatusDirectory("private", clients: crowd.addresses, state: 71)
        for client in crowd.addresses.prefix(2) {
          let record = "\(folder)/sm.bak/\(client)"
          try FileManager.default.moveItem(atPath: "\(folder)/sm/\(client)", toPath: record)
          try await site.server.run(["mount", "--bind", record, record]).orThrow()
        }
        let notifier = try await site.start(folder)
        let told = try await site.end(of: notifier)
        #expect(told.end == .exited(0) && told.answer.told == 50)
        #expect(
          notifier.errors.contains("2 records of clients that were told can't be removed: \(folder)/sm.bak/"))
        #expect(site.untold(in: folder) == crowd.addresses.prefix(2).sorted())
        #expect(try await crowd.stop().summary.told == 50)
      }
    }

    @Test func aDeadClientThatComesToLifeIsTold() async throws {
      try await withTestNetwork { network in
        let site = try await NotifierSite(in: network)
        let crowd = try await site.server.startCrowd(
          clients: 100, names: site.names, ["--dead", "20", "--revive-at", "80"])
        let folder = try site.server.makeStatusDirectory("private", clients: crowd.addresses, state: 71)
        let told = try await site.end(of: site.start(folder))
        let heard = try await crowd.stop()
        #expect(heard.summary.told == 100)
        expectFair(told, heard, site)
      }
    }

    @Test(arguments: [false, true])
    func afterAKillNobodyIsForgottenAndNobodyToldAgainWithoutNeed(keepsState: Bool) async throws {
      try await withTestNetwork { network in
        let site = try await NotifierSite(in: network)
        let crowd = try await site.server.startCrowd(
          clients: 400, names: site.names, ["--hold-at", "200"])
        let folder = try site.server.makeStatusDirectory("private", clients: crowd.addresses, state: 71)
        let first = try await site.start(folder)
        try await crowd.waitUntilHeld()
        // Whose answers have come is remembered without anybody else's doing.
        try await eventually("the first 200 are off the list") { site.untold(in: folder).count == 200 }
        let left = Set(site.untold(in: folder))
        try await first.kill()
        #expect(first.end == .signalled(SIGKILL))

        crowd.resume()
        let second = try await site.end(of: site.start(folder, keepsState ? ["--keep-state"] : []))
        let heard = try await crowd.stop()
        #expect(second.end == .exited(0))
        #expect(Set(second.answer.clients.map(\.client)) == left)
        #expect(second.answer.stateNumber == (keepsState ? 73 : 75))
        #expect(heard.summary.told == 400 && site.untold(in: folder).isEmpty)
        let done = heard.clients.filter { !left.contains($0.address) }
        #expect(done.allSatisfy { $0.notifications.allSatisfy { $0.state == 73 } })
        // Some may have been told again before their answer came; had the second run told them, all would have been.
        let toldAgain = done.count { client in client.notifications.contains { $0.udp + $0.tcp > 1 } }
        #expect(toldAgain < done.count / 2)
      }
    }

    /// Killed at any moment, here as soon as some have answered.
    @Test func aKillWhileAnswersComeForgetsNobody() async throws {
      try await withTestNetwork { network in
        let site = try await NotifierSite(in: network)
        let crowd = try await site.server.startCrowd(
          clients: 2_000, names: site.names, ["--delay", "100%", "--delay-by", "100"])
        let folder = try site.server.makeStatusDirectory("private", clients: crowd.addresses, state: 71)
        for round in 0..<3 {
          let left = round == 0 ? 2_000 : site.untold(in: folder).count
          let program = try await site.start(folder, round == 0 ? [] : ["--keep-state"])
          try await eventually("some more are told") {
            !program.isRunning || (site.isRetired(folder) && site.untold(in: folder).count < left)
          }
          try await program.kill()
        }
        let last = try await site.end(of: site.start(folder, ["--keep-state"]))
        let heard = try await crowd.stop()
        #expect(last.end == .exited(0))
        #expect(heard.summary.told == 2_000)
        #expect(heard.summary.states.map(\.value) == ["73"])
        note("killed three times: \(heard.summary.duplicates) of \(heard.summary.notifications) told again")
      }
    }

    /// While it asks a silent resolver for its own name nobody has been told yet. Who goes on afterwards must not tell
    /// the number that the clients know already.
    @Test func aKillBeforeTheFirstPacketLeavesANumberThatIsNews() async throws {
      try await withTestNetwork { network in
        let site = try await NotifierSite(in: network)
        let crowd = try await site.server.startCrowd(clients: 100, names: site.names, ["--port", "53"])
        let folder = try site.server.makeStatusDirectory("private", clients: crowd.addresses, state: 71)
        try await site.server.ask(resolver: crowd.addresses[0])
        let first = try await site.start(folder, ["--name", "unknown.lost.test"])
        try await eventually("the records are retired") { site.isRetired(folder) }
        try await first.kill()
        let second = try await site.end(of: site.start(folder, ["--keep-state"]))
        let heard = try await crowd.stop()
        #expect(second.end == .exited(0))
        #expect(heard.summary.told == 100)
        #expect(heard.summary.states.map(\.value) == ["73"])
      }
    }
  }
}
