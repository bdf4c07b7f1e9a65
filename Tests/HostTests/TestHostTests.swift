import Foundation
import Glibc
import HostTestKit
import Testing

extension HostTests {
  /// The kit itself: what the other tests stand on.
  @Suite("The test hosts themselves") struct Kit {
    @Test func hostsSeeOneAnotherByNameAndNothingElse() async throws {
      try await withTestNetwork { network in
        let a = try await network.addHost("a")
        let b = try await network.addHost("b")
        #expect(try await a.run(["hostname"]).output == "a\n")
        try await b.startPortMapper()
        #expect(try await a.run(["rpcinfo", "-T", "udp", "b.demo.test", "portmapper"]).end.succeeded)
        #expect(try await a.run(["ip", "route", "show", "default"]).output.isEmpty)
        let boot = ["cat", "/proc/sys/kernel/random/boot_id"]
        #expect(try await a.run(boot).output != b.run(boot).output)
      }
    }

    @Test func aProgramHasNothingOpenThatTheTestHas() async throws {
      try await withTestNetwork { network in
        let host = try await network.addHost("a")
        let path = network.sharedPath("left-open")
        let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
        try #require(descriptor >= 3)
        defer { close(descriptor) }
        let found = try await host.run(["ls", "-l", "/proc/self/fd"])
        #expect(found.output.contains(" 0 -> /dev/null") && !found.output.contains("left-open"))
      }
    }

    @Test func aPulledCableCutsAHostOffUntilItIsPluggedIn() async throws {
      try await withTestNetwork { network in
        let a = try await network.addHost("a")
        let b = try await network.addHost("b")
        try await b.startPortMapper()
        // libtirpc blocks every other signal while it connects.
        let ask = ["timeout", "--signal=KILL", "2", "rpcinfo", "-T", "tcp", "b.demo.test", "portmapper"]
        try await eventually("b answers") { try await a.run(ask).end.succeeded }
        try await b.disconnect()
        #expect(try await !a.run(ask).end.succeeded)
        try await b.reconnect()
        try await eventually("b answers again") { try await a.run(ask).end.succeeded }
      }
    }

    @Test func aPowerCutLeavesNoProcessAndKeepsTheDisk() async throws {
      try await withTestNetwork { network in
        let a = try await network.addHost("a")
        let rpcbind = try await a.startPortMapper()
        let statd = try await a.startStatusMonitor()
        let orphan = try await a.start(["bash", "-c", "setsid sleep 1000 & echo $!; wait"])
        try await eventually("the orphan runs") { !orphan.output.isEmpty }
        statd.pause()
        let pids = try [rpcbind, statd, orphan].map { try #require($0.pid) }
        let state = try #require(a.stateNumber)
        try await a.powerCut()
        for pid in pids { #expect(kill(pid, 0) == -1, "process \(pid) lives") }
        // Those who entered the host for them are this process's children, and reaped by another thread.
        try await eventually("all three have ended") {
          rpcbind.end != nil && statd.end != nil && orphan.end != nil
        }
        #expect(!a.isOn)
        #expect(a.stateNumber == state)

        try await a.powerOn()
        let run = try await a.run(["ls", "-A", "/run"]).output
        #expect(!run.contains("rpcbind.sock") && !run.contains("rpc.statd.pid"))
        try await a.startPortMapper()
        try await a.startStatusMonitor()
      }
    }

    @Test func whatHostsLeaveIsRemovedAlsoWhenTheTestThrows() async throws {
      var folder = ""
      var pid: Int32?
      await #expect(throws: CancellationError.self) {
        try await withTestNetwork { network in
          folder = network.folder
          pid = try await network.addHost("a").startPortMapper().pid
          throw CancellationError()
        }
      }
      #expect(!folder.isEmpty && !FileManager.default.fileExists(atPath: folder))
      #expect(kill(try #require(pid), 0) == -1)
    }

    @Test func aProgramThatIsKilledTakesNothingElseAlong() async throws {
      try await withTestNetwork { network in
        let a = try await network.addHost("a")
        let rpcbind = try await a.startPortMapper()
        let statd = try await a.startStatusMonitor()
        try await statd.kill()
        #expect(statd.end == .signalled(SIGKILL))
        #expect(rpcbind.isRunning)
        let ended = try await rpcbind.terminate().end
        #expect(ended == .exited(2) || ended == .exited(0) || ended == .signalled(SIGTERM))
      }
    }
  }
}
