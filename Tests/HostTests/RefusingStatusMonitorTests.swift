import Foundation
import HostTestKit
import Testing

extension HostTests {
  /// B1: `lockferry statd` beside the daemon: no lock that isn't mirrored, if the operator wants it.
  @Suite("lockferry statd and the shared store") struct RefusingStatusMonitor {
    /// Power cuts; `make soak-statd` says 500.
    private static let rounds = CalloutSite.powerCuts ?? 3

    @Test("B1 refuse: answered means durable in the store; without daemon or store there is no lock")
    func refuses() async throws {
      try await withSite("{when_not_mirrored: refuse}") { site in
        try await eventually("a new client gets a lock") {
          try await monitor("10.0.0.11", site) == "success"
        }
        #expect(site.isDurable("10.0.0.11"))

        try await whileLocked(site.store) {
          let new = try await monitor("10.0.0.12", site)
          let known = try await monitor("10.0.0.11", site)
          #expect(new == "failure")
          #expect(known == "success", "known clients go on")
        }
        try await eventually("new clients get locks again") {
          try await monitor("10.0.0.12", site) == "success"
        }
        #expect(site.isDurable("10.0.0.12"))
      }
    }

    @Test("B1 without the daemon: refuse means no lock, grant a lock and a word in the log")
    func daemonAway() async throws {
      try await withTestNetwork { network in
        let site = try await CalloutSite(in: network) { $0.statd = "{when_not_mirrored: refuse}" }
        try await site.server.startPortMapper()
        let refusing = try await start(site)
        #expect(try await monitor("10.0.0.11", site) == "failure")
        #expect(refusing.errors.contains("no daemon listens on"))
        try await refusing.terminate()

        let text = try String(contentsOfFile: site.server.nodeFilePath, encoding: .utf8)
        try text.replacingOccurrences(of: "refuse", with: "grant")
          .write(toFile: site.server.nodeFilePath, atomically: true, encoding: .utf8)
        let granting = try await start(site)
        #expect(try await monitor("10.0.0.12", site) == "success")
        #expect(granting.errors.contains("critical"))
        try await site.startDaemon()
        try await eventually("the mirror catches up") {
          site.isDurable("10.0.0.12") && site.isDurable("10.0.0.11")
        }
        #expect(try await monitor("10.0.0.13", site) == "success")
        try await eventually("the status monitor notices") { granting.errors.contains("keeps records again") }
      }
    }

    @Test(
      "B1 power cut under a stream of SM_MON: every client that was answered is in the store",
      .timeLimit(.minutes(120)))
    func powerCuts() async throws {
      try await withTestNetwork { network in
        let site = try await CalloutSite(in: network) { $0.statd = "{when_not_mirrored: refuse}" }
        var answered = 0
        for round in 0..<Self.rounds {
          try await site.server.startPortMapper()
          try await start(site)
          try await site.startDaemon()
          let stream = try await site.server.startRegistering(
            100_000, as: "server", window: [1, 16, 200][round % 3])
          let enough = Int.random(in: 1...400)
          try await eventually(within: .seconds(900), "\(enough) are answered") {
            stream.output.split(separator: "\n").count >= enough || !stream.isRunning
          }
          try await site.server.powerCut()
          let clients = try TestHost.registrations(in: stream.output).map(\.monName)
          #expect(clients.count >= enough, "round \(round): \(stream.errors)")
          answered += clients.count
          for client in clients where !site.isDurable(client) {
            Issue.record("round \(round): \(client) was answered and is not in the store")
          }
          // Each round begins with nothing: what a daemon does with records that it finds is shown elsewhere.
          try site.forgetEverything()
          if round < Self.rounds - 1 { try await site.server.powerOn() }
        }
        note("\(Self.rounds) power cuts: \(answered) answered, all in the store")
      }
    }

    private func withSite(_ statd: String, _ body: (CalloutSite) async throws -> Void) async throws {
      try await withTestNetwork { network in
        let site = try await CalloutSite(in: network) {
          $0.statd = statd
          $0.callout = "{limit: 2s}"
        }
        try await site.server.startPortMapper()
        try await start(site)
        try await site.startDaemon()
        try await body(site)
      }
    }

    @discardableResult
    private func start(_ site: CalloutSite) async throws -> HostProgram {
      try await site.server.startOwnStatusMonitor("--config", site.server.nodeFilePath)
    }

    /// `success` or `failure`
    private func monitor(_ peer: String, _ site: CalloutSite) async throws -> String {
      let result = try await site.server.run([
        HostTestKit.builtProgram("nsm-peer"), "monitor", "--mon-name", peer, "--my-name", "server",
      ])
      return result.output.contains("\"success\"")
        ? "success" : result.output.contains("\"failure\"") ? "failure" : "?"
    }
  }
}
