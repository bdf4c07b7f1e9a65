import Foundation
import HostTestKit
import Testing

extension HostTests {
  /// What speaks for and against taking an owner for dead, with real daemons.
  @Suite("Evidence and reports") struct Evidence {
    /// B5: a dead daemon is no dead server: who answers through the service's address is not adopted without a fence.
    @Test func anOwnerWhoseDaemonIsDeadButWhichServesOnIsDegradedAndKeepsItsService() async throws {
      try await ThreeServers.run({ file in
        file.adoption = "{witness: [{program: status, transport: tcp}]}"
      }) { site in
        try await site.daemons[0].kill()
        try await eventually("b sees a degraded") {
          let status = try await site.b.status()
          return status.peer("a")?.degraded.isEmpty == false
            && status.service(TwoServers.service)?.held != nil
        }
        // c has asked nobody, and shows it as well.
        try await eventually("c shows it") {
          let status = try await site.c.status()
          return status.peer("a")?.degraded.isEmpty == false
            && status.service(TwoServers.service)?.held != nil
        }
        try await always(for: .seconds(6), "nobody adopts") {
          let seen = try await site.service(seenBy: site.b)
          return seen?.owner == "a" && seen?.epoch == 1
        }
        #expect(try await site.b.healthCode("/readiness") == 503)
        let table = try await site.b.lockferry("status").orThrow()
        #expect(table.output.contains("node a is degraded: it misses beats, but is seen serving home"))
        #expect(try await site.a.has(address: TwoServers.address))

        // Without power it is adopted.
        try await site.a.powerCut()
        try await site.waitUntil("b", owns: TwoServers.service, seenBy: site.b)
        #expect(try await site.b.status().peer("a")?.degraded == [])
      }
    }

    /// M9: other equipment says so, with a token.
    @Test func aReportOfOtherEquipmentMovesAServiceAway() async throws {
      try await ThreeServers.run({ file in
        let path = file.stateDirectory + "/token"
        _ = FileManager.default.createFile(
          atPath: path, contents: Data("a-token-of-the-test\n".utf8), attributes: [.posixPermissions: 0o600])
        file.reportTokenFile = path
      }) { site in
        let body =
          #"{"node": "a", "state": "unhealthy", "because": "fan failed", "source": "pdu1", "for": "10m"}"#
        func report(_ token: String) async throws -> String {
          try await site.c.run([
            "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Authorization: Bearer \(token)",
            "-H", "Content-Type: application/json", "-d", body,
            "http://127.0.0.1:\(NodeFile.healthPort)/v1/health-reports",
          ]).orThrow().output
        }
        #expect(try await report("a-wrong-token-of-it") == "401")
        #expect(try await report("a-token-of-the-test") == "200")
        try await site.waitUntil("b", owns: TwoServers.service, seenBy: site.c)
        let history = try await site.c.history(TwoServers.service)
        #expect(history.contains { $0.because == "a was reported unhealthy by pdu1: fan failed" })
        // It was told to let go, not taken for dead.
        #expect(history.contains { $0.kind == "release" && $0.from == "a" && $0.outcome == "done" })
        #expect(try await site.a.status().health.beating)
        #expect(
          try await site.service(seenBy: site.b)?.reasons(against: "a") == [
            "reported unhealthy by pdu1: fan failed"
          ])

        // M10: and an operator's word does the same.
        try await site.b.lockferry(
          "report", "b", "unhealthy", "--because", "smells of smoke", "--for", "1h"
        ).orThrow()
        try await site.waitUntil("c", owns: TwoServers.service, seenBy: site.c)
        let status = try await site.c.lockferry("status").orThrow()
        #expect(status.output.contains("node b is reported unhealthy by operator"))
      }
    }

    /// M10: by the operator's own rule.
    @Test func anOverloadedOwnerGivesItsServiceAway() async throws {
      try await ThreeServers.run({ file in
        file.overload =
          "{command: [/bin/sh, -c, '! test -e \(file.stateDirectory)/busy'], for: 1s, interval: 200ms}"
      }) { site in
        try Data().write(to: URL(fileURLWithPath: site.a.disk + "/state/busy"))
        try await site.waitUntil("b", owns: TwoServers.service, seenBy: site.b)
        let history = try await site.b.history(TwoServers.service)
        #expect(history.contains { $0.because.hasPrefix("a was reported overloaded by overload") })
        try FileManager.default.removeItem(atPath: site.a.disk + "/state/busy")
        try await eventually("a is well again") {
          try await site.service(seenBy: site.b)?.reasons(against: "a").isEmpty == true
        }
      }
    }

    /// What goes round is held, and an operator lets it go on.
    @Test func aServiceThatGoesRoundIsHeldUntilAnOperatorLetsItGoOn() async throws {
      try await ThreeServers.run({ $0.adoption = "{flap: 1 in 1h}" }) { site in
        try await site.a.powerCut()
        try await site.waitUntil("b", owns: TwoServers.service, seenBy: site.c)
        try await site.b.powerCut()
        try await eventually("c holds it") {
          try await site.service(seenBy: site.c)?.held?.contains("adopted automatically 1 times") == true
        }
        #expect(try await site.service(seenBy: site.c)?.owner == "b")
        try await site.c.lockferry("unhold", TwoServers.service).orThrow()
        try await site.waitUntil("c", owns: TwoServers.service, seenBy: site.c)
      }
    }
  }
}
