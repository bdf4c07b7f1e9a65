import Foundation
import HostTestKit
import Testing

extension HostTests {
  /// B1: `lockferry statd` beside the daemon: no lock that isn't mirrored, if the operator wants it.
  @Suite("lockferry statd and the shared store") struct RefusingStatusMonitor {
    private static let rounds =
      ProcessInfo.processInfo.environment["LOCKFERRY_POWER_CUTS"].flatMap { Int($0) } ?? 3

    @Test("B1 refuse: answered means durable in the store; without daemon or store there is no lock")
    func refuses() async throws {
      try await withSite("{when_not_mirrored: refuse}") { site in
        #expect(try await monitor("10.0.0.11", site) == "success")
        #expect(site.isDurable("10.0.0.11"))

        try await whileLocked(site.store) {
          let new = try await monitor("10.0.0.12", site)
          let known = try await monitor("10.0.0.11", site)
          #expect(new == "failure")
          #expect(known == "success", "known clients go on")
        }
        try await eventually(within: .seconds(60), "new clients get locks again") {
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
        try await eventually(within: .seconds(60), "the mirror catches up") {
          site.isDurable("10.0.0.12") && site.isDurable("10.0.0.11")
        }
        #expect(try await monitor("10.0.0.13", site) == "success")
        try await eventually("the status monitor notices") { granting.errors.contains("keeps records again") }
      }
    }

    @Test("B1 power cut under a stream of SM_MON: every client that was answered is in the store")
    func powerCuts() async throws {
      try await withTestNetwork { network in
        let site = try await CalloutSite(in: network) { $0.statd = "{when_not_mirrored: refuse}" }
        var answered: Set<String> = []
        for round in 0..<Self.rounds {
          if !site.server.isOn { try await site.server.powerOn() }
          try await site.server.startPortMapper()
          try await start(site)
          try await site.startDaemon()
          let stream = try await site.server.start([
            HostTestKit.builtProgram("nsm-peer"), "monitor-many", "--first",
            "10.\(64 + round / 16).\(round % 16 * 16).1",
            "--count", "4000", "--my-name", "server", "--window", "\([1, 16, 200][round % 3])", "--each",
          ])
          let enough = Int.random(in: 1...400)
          try await eventually(within: .seconds(60), "\(enough) are answered") {
            stream.output.split(separator: "\n").count >= enough || !stream.isRunning
          }
          try await site.server.powerCut()
          let peers = stream.output.split(separator: "\n").compactMap { line in
            line.hasPrefix("{\"peer\":\"") && line.hasSuffix("\"}")
              ? String(line.dropFirst(9).dropLast(2)) : nil
          }
          #expect(peers.count >= enough, "round \(round): \(stream.errors)")
          answered.formUnion(peers)
          let missing = answered.filter { site.stored($0) == nil }
          #expect(missing.isEmpty, "round \(round): \(missing.count) of \(answered.count) are missing")
        }
        note("\(answered.count) clients answered in \(Self.rounds) rounds, all in the store")
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
