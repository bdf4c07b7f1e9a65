import Foundation
import Glibc
import HostTestKit
import Testing

extension HostTests {
  /// M2 B1: `lockferry doctor` about who tells the daemon of new records.
  @Suite("lockferry doctor on test hosts") struct CalloutDoctorTests {
    /// Each thing that can be wrong with the callout, and nothing wrong.
    @Test func doctorSaysWhatIsWrongWithTheCallout() async throws {
      try await withCalloutSite({ $0.callout = "{limit: 8s}" }) { site in
        let conf = site.server.disk + "/nfs.conf"
        func diagnose() async throws -> (ProgramEnd, [String: String]) {
          let (end, answer) = try await site.server.doctor("--nfs-conf", conf)
          return (end, Dictionary(uniqueKeysWithValues: answer.checks.map { ($0.check, $0.result) }))
        }
        let daemon = try await site.startDaemon()
        try "[statd]\nha-callout=\(site.callout)\n".write(toFile: conf, atomically: true, encoding: .utf8)
        #expect(
          try await diagnose()
            == (
              .exited(0),
              [
                "callout-configured": "ok", "callout-executable": "ok", "callout-answered": "ok",
                "callout-run-directory": "ok",
              ]
            ))
        chmod(site.callout, 0o700)
        #expect(try await diagnose().1["callout-executable"] == "failed")
        chmod(site.callout, 0o755)
        daemon.pause()
        let hung = try await diagnose()
        #expect(hung.0 == .exited(1))
        #expect(hung.1["callout-answered"] == "failed")
        daemon.resume()
        try await daemon.terminate()
        #expect(try await diagnose().1["callout-answered"] == "failed")
        try "[statd]\nha-callout=/bin/true\n".write(toFile: conf, atomically: true, encoding: .utf8)
        let foreign = try await diagnose()
        #expect(foreign.1["callout-configured"] == "failed")
        #expect(foreign.1["callout-executable"] == "skipped")
      }
    }

    /// What the command line of a running rpc.statd says counts as well; without either nothing is configured.
    @Test func doctorSeesTheCalloutOfARunningStatd() async throws {
      try await withCalloutSite { site in
        try await site.startDaemon()
        let empty = site.server.disk + "/empty.conf"
        try "".write(toFile: empty, atomically: true, encoding: .utf8)
        #expect(try await site.server.doctor("--nfs-conf", empty).end == .exited(0))
      }
      try await withTestNetwork { network in
        let site = try await CalloutSite(in: network)
        try await site.server.startPortMapper()
        try await site.server.startStatusMonitor()
        let empty = site.server.disk + "/empty.conf"
        try "".write(toFile: empty, atomically: true, encoding: .utf8)
        let (end, answer) = try await site.server.doctor("--nfs-conf", empty)
        #expect(end == .exited(1))
        let first = try #require(answer.checks.first)
        #expect(first.check == "callout-configured")
        #expect(first.remedy?.contains("ha-callout=/usr/local/sbin/lockferry-callout") == true)
      }
    }

    /// lockferry statd needs no callout, but a node file, or it asks nobody.
    @Test func doctorKnowsLockferryStatd() async throws {
      try await withTestNetwork { network in
        let site = try await CalloutSite(in: network)
        try await site.server.startPortMapper()
        for (options, end, result) in [
          (["--config", site.server.nodeFilePath], ProgramEnd.exited(0), "ok"), ([], .exited(1), "failed"),
        ] {
          let monitor = try await site.server.startOwnStatusMonitor(options)
          let diagnosis = try await site.server.doctor("--nfs-conf", "/dev/null")
          #expect(diagnosis.end == end)
          #expect(diagnosis.answer.checks.map(\.result) == [result, "skipped", "skipped", "skipped"])
          try await monitor.terminate()
        }
      }
    }
  }
}
