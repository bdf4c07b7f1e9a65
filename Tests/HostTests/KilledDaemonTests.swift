import Foundation
import Glibc
import HostTestKit
import Testing

extension HostTests {
  /// `kill -9` of the daemon in every step of a plan: what is journaled is not done again, and the rest is.
  @Suite("A daemon that is killed in the middle of a plan") struct KilledDaemon {
    private static let gatedSteps = ["fence", "storage", "server", "address", "notify"]

    @Test func anAdoptionWhoseDaemonIsKilledInEveryStepIsFinishedOnce() async throws {
      try await withTestNetwork { network in
        let site = try await TwoServers(in: network)
        let gate = try StepGate(network.sharedPath("gates"))
        let peer = try HostTestKit.builtProgram("nsm-peer")
        try site.makeStore()
        let fence = try gate.command("fence")
        let storage = try gate.command("storage")
        let server = try gate.command("server")
        let take = try gate.command("address", then: "ip address replace \(TwoServers.address)/24 dev eth0")
        let release = try gate.command(
          "release", then: "ip address del \(TwoServers.address)/24 dev eth0 2>&- || true")
        let notify = try gate.command(
          "notify",
          then: """
            for client in $(cat "$LOCKFERRY_CLIENTS_FILE"); do
              '\(peer)' notify --host "$client" --mon-name \(TwoServers.serverName) --state "$LOCKFERRY_STATE_NUMBER"
            done
            """)
        try site.writeNodeFiles { file in
          file.services[0].fence = fence
          file.services[0].attachStorage = storage
          file.services[0].serverRecovery = server
          file.services[0].takeAddress = take
          file.services[0].releaseAddress = release
          file.services[0].notification = notify
        }
        try await site.startStatusMonitors()
        var daemon = try await site.startDaemons().adoptive
        let listener = try await site.client.listen(callbacks: 1)
        let seen = try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)

        let before = Dictionary(uniqueKeysWithValues: Self.gatedSteps.map { ($0, gate.runs($0)) })
        for step in Self.gatedSteps { try gate.hold(step) }
        try await site.primary.powerCut()
        for step in Self.gatedSteps {
          let earlier = before[step] ?? 0
          try await eventually("\(step) runs") { gate.runs(step) == earlier + 1 }
          try await daemon.kill()
          daemon = try await site.adoptive.startLockferry()
          try await eventually("\(step) runs again") { gate.runs(step) == earlier + 2 }
          // The step may run before the control socket listens.
          let state = try await value(within: .seconds(60), "b answers") {
            try? await site.adoptive.status().service(TwoServers.service)?.state
          }
          #expect(state == "adopting")
          try gate.open(step)
        }
        try await site.waitUntil(site.adoptive, owns: TwoServers.service)

        // Each ran twice: killed in the middle once, and once to its end. None ran again for a later kill.
        for step in Self.gatedSteps { #expect(gate.runs(step) == (before[step] ?? 0) + 2, "\(step)") }
        let history = try await site.adoptive.history(TwoServers.service).filter { $0.kind == "adoption" }
        #expect(history.count == 1)
        let entry = try #require(history.first)
        #expect(entry.outcome == "done" && entry.epoch == 2 && entry.to == "b")
        let callback = try await listener.callback("the client is called back")
        #expect(callback.state > seen && callback.state == entry.stateNumber)
        #expect(site.record(TwoServers.clientName, on: site.adoptive) != nil)

        // And a kill when all is done changes nothing any more.
        try await daemon.kill()
        _ = try await site.adoptive.startLockferry()
        try await site.waitUntil(site.adoptive, owns: TwoServers.service)
        let after = try await site.adoptive.history(TwoServers.service).filter { $0.kind == "adoption" }
        #expect(after.count == 1)
        #expect(try await site.adoptive.status().service(TwoServers.service)?.epoch == 2)
      }
    }

    /// The steps that run no command last milliseconds: the kill comes this long after the ownership has changed,
    /// which the test sees in the store at once.
    @Test func aMigrationWhoseNewOwnerIsKilledAtAnyMomentEndsWithOneOwner() async throws {
      try await withTwoServers(patient) { site in
        var daemon = try await site.startDaemons().adoptive
        let ownerKey = "\(site.store)/services/\(TwoServers.service)/owner"
        try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        for delay in [0, 3, 8, 15, 25, 40, 80, 160] {
          let before = FileManager.default.contents(atPath: ownerKey)
          let command = try await site.primary.start([
            HostTestKit.builtProgram("lockferry"), "migrate", TwoServers.service, "--to", "b", "--wait",
          ])
          try await Self.waitUntilOwner(is: "b", in: ownerKey, not: before)
          usleep(UInt32(delay) * 1000)
          try await daemon.kill()
          daemon = try await site.adoptive.startLockferry()
          try await site.waitUntil(site.adoptive, owns: TwoServers.service)
          #expect(try await site.holders(former: site.primary) == ["b"], "killed after \(delay) ms")
          #expect(try await command.waitForEnd(within: .seconds(60)) == .exited(0), "\(command.errors)")

          try await site.adoptive.lockferry("migrate", TwoServers.service, "--to", "a", "--wait").orThrow()
          try await site.waitUntil(site.primary, owns: TwoServers.service)
        }
        let history = try await site.primary.history(TwoServers.service)
        let adoptions = history.filter { $0.kind == "adoption" }
        #expect(Set(adoptions.map(\.epoch)).count == adoptions.count, "an adoption ran twice")
        #expect(adoptions.map(\.epoch) == adoptions.map(\.epoch).sorted())
        let numbers = adoptions.compactMap(\.stateNumber)
        #expect(numbers == Array(Set(numbers)).sorted(), "a state number was used twice, or fell: \(numbers)")
        #expect(site.storedRecord(TwoServers.clientName) != nil)
      }
    }

    /// M7: it had ended rpc.statd to start it again, and nobody but the next daemon on this machine knows.
    @Test func whatItHadStoppedIsStartedByTheNext() async throws {
      try await withTestNetwork { network in
        let site = try await TwoServers(in: network)
        try site.makeStore()
        try site.writeNodeFiles()
        let host = site.primary
        try await host.startPortMapper()
        let note = "/run/lockferry/restarting"
        _ = try await host.run([
          "/bin/sh", "-c",
          "mkdir -p /run/lockferry && printf 'statd\\0%s\\0--no-notify\\0' \"$(command -v rpc.statd)\" > \(note)",
        ]).orThrow()
        _ = try await host.startLockferry()
        try await eventually("rpc.statd runs again") {
          (try? await host.monitor(site.client.address, as: TwoServers.serverName)) != nil
        }
        try await eventually("nothing is left to do") {
          try await host.run(["/bin/sh", "-c", "test ! -e \(note)"]).end == .exited(0)
        }
      }
    }

    /// Looks at the file all the time: the command line would be too slow to see what lasts milliseconds.
    private static func waitUntilOwner(is node: String, in path: String, not before: Data?) async throws {
      let deadline = ContinuousClock.now + .seconds(60)
      while ContinuousClock.now < deadline {
        if let bytes = FileManager.default.contents(atPath: path), bytes != before,
          String(decoding: bytes, as: UTF8.self).range(
            of: "\\bnode\\b\\W+\(node)\\b", options: .regularExpression) != nil
        {
          return
        }
        try await Task.sleep(for: .microseconds(500))
      }
      throw HostTestError("\(node) does not become the owner in \(path)")
    }
  }
}
