import Foundation
import HostTestKit
import Testing

extension ClientHostTests {
  /// B6: who came back after a service has moved, and who did not, on real status monitors.
  @Suite("The ledger of a recovery") struct Recovery {
    /// Another one than the lock manager of the server before had.
    private static let cookie = String(repeating: "7", count: 32)
    /// Where nobody is.
    private static let nobody = "10.77.0.99"

    /// Two servers whose grace period nobody sees and which lasts as long as said, a client, and one more that answers
    /// notifications and never locks anything again.
    private func withSite(
      grace: String, _ change: (inout NodeFile) -> Void = { _ in },
      _ body: (_ site: TwoServers, _ quiet: TestHost) async throws -> Void
    ) async throws {
      try await withTwoServers({
        $0.mirror = "{grace_period: \(grace)}"
        change(&$0)
      }) { site in
        let quiet = try await site.network.addHost("quiet")
        try await quiet.startPortMapper()
        try await quiet.startStatusMonitor()
        try await body(site, quiet)
      }
    }

    private func comeBack(_ client: TestHost, on server: TestHost) async throws {
      try await server.monitor(client.address, as: TwoServers.serverName, cookie: Self.cookie)
    }

    private func recovery(_ site: TwoServers, on host: TestHost) async throws -> RecoveryAnswer? {
      try await host.history(TwoServers.service).last { $0.kind == "adoption" && $0.to == host.name }?
        .recovery
    }

    /// One client registers again, one never does, one is not there.
    @Test func whoComesBackIsToldFromWhoDoesNotAndFromWhoWasNeverReached() async throws {
      try await withSite(grace: "25s", patient) { site, quiet in
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 1)
        try await site.firstLock(on: site.primary)
        try await site.primary.monitor(quiet.address, as: TwoServers.serverName)
        try await site.primary.monitor(Self.nobody, as: TwoServers.serverName)
        try await site.waitUntilMirrored(site.primary, records: 3)

        let command = try await site.primary.start([
          HostTestKit.builtProgram("lockferry"), "migrate", TwoServers.service, "--to", "b", "--wait",
        ])
        _ = try await listener.callback("the client is called back")
        try await comeBack(site.client, on: site.adoptive)
        let moved = try await command.waitForEnd(within: .seconds(60))
        // The service is served; whether anybody lost anything is not known yet.
        #expect(moved == .exited(0), "\(command.errors)")
        let number = try await site.adoption(by: site.adoptive).number
        #expect(command.output.contains("locks: so far 1 of 3 clients registered again; the rest by "))
        #expect(command.output.contains("history show \(number) --service home --wait"))

        // On the other node: what is known stands in the store.
        let shown = try await site.primary.lockferry(
          "history", "show", "\(number)", "--wait", within: .seconds(90))
        #expect(shown.end == .exited(115), "\(shown.errors)")
        let entry = try await site.primary.historyEntry(number, of: TwoServers.service)
        let recovery = try #require(entry.recovery)
        #expect(recovery.state == "closed" && recovery.registered == 1)
        #expect(recovery.possiblyLost == 1 && recovery.lost == 1 && recovery.pending == 0)
        var clients: [String: HistoryAnswer.Client] = [:]
        for client in entry.clients { clients[client.address ?? client.client] = client }
        let back = try #require(clients[site.client.address])
        #expect(back.outcome == "registered" && back.told && back.why == nil)
        #expect((back.registeredMilliseconds ?? .max) < 25_000)
        #expect(entry.clients.allSatisfy { ($0.mirroredAt ?? "9").prefix(19) <= entry.startedAt.prefix(19) })
        let silent = try #require(clients[quiet.address])
        #expect(silent.outcome == "possibly_lost" && silent.told && silent.registeredMilliseconds == nil)
        #expect(silent.why?.contains(" as \(TwoServers.serverName)") == true, "\(silent.why ?? "")")
        #expect(silent.why?.contains("not registered again") == true)
        let away = try #require(clients[Self.nobody])
        #expect(away.outcome == "lost" && !away.told && away.problem != nil)
        #expect(away.why?.hasPrefix("not told when the grace period") == true, "\(away.why ?? "")")
        #expect(shown.output.contains(silent.why ?? "?") && shown.output.contains(away.why ?? "?"))

        let metrics = try await site.adoptive.metrics()
        for (outcome, count) in [("registered", 1.0), ("possibly_lost", 1), ("lost", 1), ("pending", 0)] {
          #expect(metrics["lockferry_recovery_clients{service=\"home\",outcome=\"\(outcome)\"}"] == count)
        }
        #expect(metrics["lockferry_recovery_open{service=\"home\"}"] == 0)
      }
    }

    /// Long before the grace period is over.
    @Test func whereEverybodyIsBackNothingIsWaitedFor() async throws {
      try await withSite(grace: "110s") { site, quiet in
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 1)
        try await site.firstLock(on: site.primary)
        try await site.primary.monitor(quiet.address, as: TwoServers.serverName)
        try await site.waitUntilMirrored(site.primary, records: 2)
        try await site.primary.powerCut()
        _ = try await listener.callback("the client is called back")
        try await comeBack(site.client, on: site.adoptive)
        try await comeBack(quiet, on: site.adoptive)
        let number = try await site.adoption(by: site.adoptive).number
        try await site.adoptive.lockferry("history", "show", "\(number)", "--wait", within: .seconds(60))
          .orThrow()
        let recovery = try #require(try await recovery(site, on: site.adoptive))
        #expect(recovery.registered == 2 && recovery.state == "closed")
        #expect(recovery.ended == "every client is registered again")
      }
    }

    /// What a daemon has seen outlives it, and so does the recovery.
    @Test func aDaemonThatIsKilledForgetsNobodyWhoHasComeBack() async throws {
      try await withSite(grace: "60s") { site, quiet in
        let daemon = try await site.startDaemons().adoptive
        let listener = try await site.client.listen(callbacks: 1)
        try await site.firstLock(on: site.primary)
        try await site.primary.monitor(quiet.address, as: TwoServers.serverName)
        try await site.primary.monitor(Self.nobody, as: TwoServers.serverName)
        try await site.waitUntilMirrored(site.primary, records: 3)
        try await site.primary.powerCut()
        _ = try await listener.callback("the client is called back")
        try await comeBack(site.client, on: site.adoptive)
        let entry = try await site.adoption(by: site.adoptive)
        try await eventually("it is known that the client is back") {
          try await recovery(site, on: site.adoptive)?.registered == 1
        }
        try await daemon.kill()
        // Nobody watches.
        try await comeBack(quiet, on: site.adoptive)
        _ = try await site.adoptive.startLockferry()
        try await site.waitUntil(site.adoptive, owns: TwoServers.service)
        let end = try await site.adoptive.lockferry(
          "history", "show", "\(entry.number)", "--wait", within: .seconds(120))
        #expect(end.end == .exited(115), "\(end.errors)")
        let after = try await site.adoptive.historyEntry(entry.number, of: TwoServers.service)
        #expect(after.recovery?.registered == 2 && after.recovery?.lost == 1, "\(end.output)")
        #expect(after.clients.filter { $0.outcome == "registered" }.count == 2)
      }
    }

    /// The next owner tells the same clients again, and its own ledger says what became of them.
    @Test func aServiceThatMovesOnLeavesNoLedgerOpen() async throws {
      try await withSite(grace: "20s", patient) { site, quiet in
        try await site.startDaemons()
        try await site.primary.monitor(quiet.address, as: TwoServers.serverName)
        try await site.waitUntilMirrored(site.primary, records: 1)
        _ = try await site.primary.ask("migrate", TwoServers.service, "--to", "b", "--wait")
        let first = try await site.adoption(by: site.adoptive)
        #expect(first.recovery?.state == "open" && first.recovery?.pending == 1)
        _ = try await site.primary.ask("migrate", TwoServers.service, "--to", "a", "--wait")
        let passed = try await site.primary.lockferry("history", "show", "\(first.number)", "--wait")
        #expect(passed.end == .exited(112), "\(passed.errors)")
        #expect(passed.errors.contains("the service moved on"))
        let second = try await site.adoption(by: site.primary)
        let end = try await site.primary.lockferry(
          "history", "show", "\(second.number)", "--wait", within: .seconds(60))
        #expect(end.end == .exited(115), "\(end.errors)")
        #expect(try await recovery(site, on: site.primary)?.possiblyLost == 1)
      }
    }
  }
}
