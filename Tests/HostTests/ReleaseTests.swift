import Foundation
import HostTestKit
import Testing

extension HostTests {
  /// A release that can't finish is undone: the service goes on where it was, and the operator is told.
  @Suite("Release of a healthy service") struct Release {
    /// Commands that fail or hang as long as a file says so.
    private struct Steps {
      let folder: String

      init(_ folder: String) throws {
        self.folder = folder
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      }

      func command(_ step: String, then: String = "true") throws -> NodeFile.Command {
        let path = "\(folder)/\(step).sh"
        try """
        cd '\(folder)'
        [ ! -e \(step).fails ] || { echo '\(step) fails as the test wants it'; exit 1; }
        [ ! -e \(step).hangs ] || exec sleep 60
        \(then)

        """.write(toFile: path, atomically: true, encoding: .utf8)
        return .program(["/bin/sh", path], timeout: 3)
      }

      func make(_ step: String, _ how: String) throws {
        try Data().write(to: URL(fileURLWithPath: "\(folder)/\(step).\(how)"))
      }

      func mend(_ step: String, _ how: String) throws {
        try FileManager.default.removeItem(atPath: "\(folder)/\(step).\(how)")
      }
    }

    /// How a step's name in the history goes with its command.
    private static let commands = [("address", "release"), ("server", "withdraw"), ("storage", "detach")]

    @Test func aStepThatFailsOrHangsLeavesTheServiceWhereItWas() async throws {
      try await withTestNetwork { network in
        let site = try await TwoServers(in: network)
        try site.makeStore()
        // One for each server: what hangs on one is well on the other.
        var steps: [String: Steps] = [:]
        for host in site.servers { steps[host.name] = try Steps(network.sharedPath("steps-\(host.name)")) }
        let take = "ip address replace \(TwoServers.address)/24 dev eth0"
        let release = "ip address del \(TwoServers.address)/24 dev eth0 2>/dev/null || true"
        for host in site.servers {
          var file = site.nodeFile(for: host)
          let own = try #require(steps[host.name])
          patient(&file)
          file.adoption = "{flap: none}"
          file.services[0].takeAddress = try own.command("take", then: take)
          file.services[0].releaseAddress = try own.command("release", then: release)
          file.services[0].attachStorage = try own.command("attach")
          file.services[0].detachStorage = try own.command("detach")
          file.services[0].serverRecovery = try own.command("recover")
          file.services[0].serverWithdrawal = try own.command("withdraw")
          try host.write(file)
        }
        try await site.startStatusMonitors()
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 1)
        try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)

        let own = try #require(steps["a"])
        for (step, command) in Self.commands {
          for how in ["fails", "hangs"] {
            try own.make(command, how)
            let asked = try await site.adoptive.run(
              [
                HostTestKit.builtProgram("lockferry"), "migrate", TwoServers.service, "--to", "b", "--wait",
                "--timeout", "90s",
              ], within: .seconds(120))
            #expect(asked.end == .exited(1), "\(command) \(how): \(asked.errors)")
            #expect(asked.output.contains(step) || asked.errors.contains(step), "\(command): \(asked.errors)")
            try await site.waitUntil(site.primary, owns: TwoServers.service)
            #expect(try await site.holders(former: site.primary) == ["a"], "\(command) \(how)")
            try own.mend(command, how)
            let history = try await site.primary.history(TwoServers.service)
            let failed = try #require(history.last { $0.kind == "release" })
            #expect(failed.outcome == "failed" && failed.problem?.hasPrefix(step + ": ") == true)
            #expect(history.contains { $0.kind == "adoption" && $0.epoch > failed.epoch && $0.to == "a" })
          }
        }
        // Its locks went with what was stopped: the client was told.
        _ = try await listener.callback("the client is called back")
        try await site.primary.lockferry("migrate", TwoServers.service, "--to", "b", "--wait").orThrow()
        #expect(try await site.holders(former: site.primary) == ["b"])
      }
    }
  }
}
