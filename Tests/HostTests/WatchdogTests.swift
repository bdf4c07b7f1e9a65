import HostTestKit
import Testing

extension HostTests {
  /// C6: the daemons that the node file names, with real ones that are killed.
  @Suite("Watchdog") struct Watchdog {
    /// As rpc-statd.service would, on a machine whose boot notification is not its own affair.
    private static let helps = "'exec rpc.statd --no-notify --no-syslog'"
    private static let helpsNobody = "'exit 0'"

    @Test func aDeadDaemonIsRestartedOnceAndThenTheServicesLeave() async throws {
      try await ThreeServers.run({ Self.watchStatusMonitor(in: &$0, restart: Self.helps) }) { site in
        try await eventually("statd is well") { try await Self.statd(on: site.a)?.state == "well" }
        try await Self.kill(on: site.a)
        try await eventually("statd was restarted") {
          let seen = try await Self.statd(on: site.a)
          return seen?.restarts == 1 && seen?.state == "well"
        }
        let seen = try await site.service(seenBy: site.b)
        #expect(seen?.owner == "a")
        #expect(seen?.epoch == 1)

        try await Self.kill(on: site.a)
        try await site.waitUntil("b", owns: TwoServers.service, seenBy: site.b)
        #expect(try await Self.statd(on: site.a)?.state == "dead")
        #expect(try await Self.statd(on: site.a)?.restarts == 1)
        let history = try await site.b.history(TwoServers.service)
        #expect(
          history.contains {
            $0.because.hasPrefix("a was reported unhealthy by watchdog: statd: it died again within 10m")
          })
      }
    }

    @Test func whereARestartDoesNotHelpTheServicesLeaveUntilTheDaemonAnswersAgain() async throws {
      try await ThreeServers.run({ Self.watchStatusMonitor(in: &$0, restart: Self.helpsNobody) }) { site in
        try await eventually("statd is well") { try await Self.statd(on: site.a)?.state == "well" }
        try await Self.kill(on: site.a)
        try await site.waitUntil("b", owns: TwoServers.service, seenBy: site.c)
        // It let go by itself; nobody took it for dead.
        let history = try await site.c.history(TwoServers.service)
        #expect(history.contains { $0.kind == "release" && $0.from == "a" && $0.outcome == "done" })
        #expect(try await site.a.status().health.beating)
        #expect(try await Self.statd(on: site.a)?.restarts == 1)
        #expect(
          try await site.service(seenBy: site.b)?.reasons(against: "a").first?
            .hasPrefix("reported unhealthy by watchdog: statd: its restart did not help") == true)
        let table = try await site.a.lockferry("status").orThrow().output
        #expect(table.contains("DAEMON"))
        #expect(table.contains("statd   dead"))

        try await site.a.startStatusMonitor()
        try await eventually("a could serve again") {
          try await site.service(seenBy: site.b)?.reasons(against: "a").isEmpty == true
        }
      }
    }

    private static func watchStatusMonitor(in file: inout NodeFile, restart: String) {
      file.probes = []
      file.watchdog =
        "[{name: statd, probe: {program: status, timeout: 1s}, within: 5s, "
        + "restart: {command: [/bin/sh, -c, \(restart)], timeout: 10s}}]"
    }

    private static func statd(on host: TestHost) async throws -> StatusAnswer.Watched? {
      try await host.status().watchdog.first
    }

    private static func kill(on host: TestHost) async throws {
      try await host.run(["/bin/sh", "-c", "kill -9 $(cat /run/rpc.statd.pid)"]).orThrow()
    }
  }
}
