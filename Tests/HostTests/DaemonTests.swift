import Foundation
import Glibc
import HostTestKit
import Testing

extension HostTests {
  /// M11: `lockferry run` as a daemon among others.
  @Suite("The daemon's manners") struct Daemon {
    @Test func theKitsNodeFileIsValid() async throws {
      try await withTestNetwork { network in
        let site = try await TwoServers(in: network)
        try site.makeStore()
        try site.writeNodeFiles()
        try await site.primary.lockferry("validate", site.primary.nodeFilePath).orThrow()
      }
    }

    @Test func itStartsBeforeItsStoreItsStatusMonitorAndTheOtherNode() async throws {
      try await withTestNetwork { network in
        var site = try await TwoServers(in: network)
        // Not even the folder above is there, as where a file system is not mounted yet.
        site.store = network.sharedPath("not-mounted-yet/lockferry")
        try site.writeNodeFiles()
        let daemon = try await site.primary.startLockferry()
        let early = try await value("the daemon answers") { try await site.primary.status() }
        #expect(!early.store.reachable)
        #expect(early.service(TwoServers.service)?.owner == nil)
        #expect(try await site.primary.healthCode("/liveness") == 200)
        #expect(try await site.primary.healthCode("/readiness") == 503)

        try site.makeStore()
        try await eventually("the store is found") { try await site.primary.status().store.reachable }
        // Nothing answers the probes yet, so that the service stays where it is: nowhere.
        try await site.startStatusMonitors()
        try await site.waitUntil(site.primary, owns: TwoServers.service)
        _ = try await site.adoptive.startLockferry()
        try await eventually("each node sees the other's beats") {
          let a = try await site.primary.status().peer("b")?.beat
          let b = try await site.adoptive.status().peer("a")?.beat
          return a == "alive" && b == "alive"
        }
        #expect(daemon.isRunning)
      }
    }

    /// The promise is a second; the test's bound is generous, since the machine may be busy.
    @Test func aTerminationSignalEndsItCleanly() async throws {
      try await withTwoServers(patient) { site in
        let (primary, adoptive) = try await site.startDaemons()
        for daemon in [adoptive, primary] {
          let (end, took) = try await daemon.terminate()
          note("\(daemon.name) ended \(took) after SIGTERM")
          #expect(end == .exited(0))
          #expect(took < .seconds(30))
        }
        // Stopping the daemon stops no server: its address stays.
        #expect(try await site.primary.has(address: TwoServers.address))
      }
    }

    @Test func aSecondCopyForTheSameNodeRefusesToStart() async throws {
      try await withTwoServers(patient) { site in
        let daemon = try await site.startDaemons().primary
        let second = try await site.primary.startLockferry()
        let end = try await second.waitForEnd()
        #expect(end == .exited(108), "\(second.errors)")
        // Whoever reads it learns which process to look at.
        let status = try await site.primary.run(["pgrep", "--oldest", "--exact", "lockferry"]).orThrow()
        let pid = status.output.trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(second.errors.contains(pid), "\(second.errors)")
        #expect(daemon.isRunning)
        #expect(try await site.primary.status().service(TwoServers.service)?.state == "online")
      }
    }

    @Test func anotherMachineWithTheNameOfALiveNodeIsRefused() async throws {
      try await withTwoServers { site in
        let daemon = try await site.startDaemons().primary
        var file = site.nodeFile(for: site.primary)
        file.stateDirectory = site.client.disk + "/state"
        try site.client.write(file)
        let impostor = try await site.client.startLockferry()
        let end = try await impostor.waitForEnd(within: .seconds(60))
        #expect(end == .exited(108), "\(impostor.errors)")
        #expect(daemon.isRunning)
        #expect(try await site.holders(former: site.primary) == ["a"])
        #expect(try await site.primary.status().service(TwoServers.service)?.epoch == 1)
        #expect(try await !site.client.has(address: TwoServers.address))
      }
    }

    @Test func whatIsWrongWithAStatusDirectoryIsAmongTheWarnings() async throws {
      try await withTestNetwork { network in
        let site = try await TwoServers(in: network)
        try site.makeStore()
        try site.writeNodeFiles { $0.probes = [] }
        // Debian leaves an empty state file; and sm/ of root makes rpc.statd stay root.
        chown(site.primary.statusDirectory + "/sm", 0, 0)
        _ = try await site.primary.startLockferry()
        let warnings = try await value("the daemon warns") {
          let warnings = try await site.primary.status().warnings
          return warnings.count >= 2 ? warnings : nil
        }
        let owner = warnings.first { $0.contains("/var/lib/nfs/sm") && $0.contains("root") }
        #expect(owner != nil, "\(warnings)")
        let state = warnings.first { $0.contains("/var/lib/nfs/state") && $0.contains("empty") }
        #expect(state != nil, "\(warnings)")
      }
    }

    @Test func filesThatAreNoRecordsAreRefusedByNameAndHarmNothing() async throws {
      // A symbolic link is made without ever being closed, and so found only by looking at the whole folder.
      try await withTwoServers({
        patient(&$0)
        $0.mirror = "{rescan: 1s}"
      }) { site in
        try await site.startDaemons()
        let sm = site.primary.statusDirectory + "/sm"
        symlink("/etc/shadow", sm + "/link.example.com")
        try Data(repeating: 0x20, count: 1 << 20).write(to: URL(fileURLWithPath: sm + "/huge.example.com"))
        try Data("unfinished".utf8).write(to: URL(fileURLWithPath: sm + "/client.example.com.new"))
        mkdir(sm + "/folder.example.com", 0o700)
        try await site.firstLock(on: site.primary)
        try await eventually("the record is mirrored and the others are refused") {
          let mirror = try await site.primary.status().service(TwoServers.service)?.mirror
          let refused = Set(mirror?.refused.map(\.name) ?? [])
          return mirror?.recordsMirrored == 1
            && refused.isSuperset(of: ["link.example.com", "huge.example.com"])
        }
        let stored = try FileManager.default.contentsOfDirectory(
          atPath: "\(site.store)/services/\(TwoServers.service)/sm")
        #expect(stored.filter { !$0.hasPrefix(".") } == [TwoServers.clientName])
      }
    }
  }
}
