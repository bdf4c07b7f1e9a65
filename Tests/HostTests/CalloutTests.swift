import CalloutProtocol
import Foundation
import Glibc
import HostTestKit
import Testing

extension HostTests {
  /// M2 and B1: real rpc.statd runs the callout as its own user.
  @Suite("rpc.statd's callout") struct Callout {
    private static let quick: @Sendable (inout NodeFile) -> Void = {
      $0.mirror = "{grace_period: 1s, departure_delay: 2s}"
    }

    /// M2 B1: no waiting between the answer and the look into the store.
    @Test func aRegistrationIsInTheStoreWhenStatdAnswers() async throws {
      try await withCalloutSite { site in
        try site.network.name("10.78.9.9", "named.demo.test")
        try await site.startDaemon()
        for number in 0..<25 {
          let client = "10.78.0.\(number)"
          try await site.server.monitor(client, as: CalloutSite.serverName)
          #expect(site.isDurable(client), "\(client)")
        }
        // statd calls the file by the client's canonical name, and the callout by the name that lockd knows.
        try await site.server.monitor("10.78.9.9", as: CalloutSite.serverName)
        #expect(site.isDurable("named.demo.test"))
        #expect(site.stored("10.78.9.9") == nil)
        // The same client again, through another name of the server: a second line in the same file.
        try await site.server.monitor("10.78.0.3", as: "other.demo.test")
        #expect(site.isDurable("10.78.0.3"))
        #expect(site.record("10.78.0.3")?.split(separator: 10).count == 2)
        let heard = try await site.heard()
        #expect(heard.source == "callout")
        #expect(heard.durable == 27)
        #expect(heard.notDurable == 0)
        #expect(site.server.spooled.isEmpty)
      }
    }

    /// The daemon is away: the lock is granted at once, and what was said of it waits.
    @Test func whatAStoppedDaemonMissedItFindsInTheSpool() async throws {
      try await withCalloutSite { site in
        let daemon = try await site.startDaemon()
        try await daemon.terminate()
        let began = ContinuousClock.now
        try await site.server.monitor("10.78.0.1", as: CalloutSite.serverName)
        #expect(ContinuousClock.now - began < .seconds(20))
        #expect(site.stored("10.78.0.1") == nil)
        #expect(site.server.spooled.count == 1)
        try await site.startDaemon()
        try await eventually("the record is in the store, and the spool empty") {
          site.isDurable("10.78.0.1") && site.server.spooled.isEmpty
        }
        try await eventually("status says so") { try await site.heard().spooled == 1 }
      }
    }

    /// A callout that finds neither socket nor spool: the daemon has never run.
    @Test func withoutADaemonStatdAnswersAllTheSame() async throws {
      try await withCalloutSite { site in
        try await site.server.monitor("10.78.0.1", as: CalloutSite.serverName)
        let result = try await site.server.runAsStatusMonitor([
          site.callout, "add-client", "10.78.0.1", "nfs",
        ])
        #expect(result.end == .exited(2))
        #expect(result.errors.contains("no daemon listens on /run/lockferry/callout/sock"))
      }
    }

    /// A daemon that hangs costs the limit, and no more.
    @Test func aHungDaemonCostsTheLimitAndIsToldLater() async throws {
      try await withCalloutSite({ $0.callout = "{limit: 700ms}" }) { site in
        let daemon = try await site.startDaemon()
        daemon.pause()
        let answer = try await site.server.register(1, as: CalloutSite.serverName)
        let took = Duration.nanoseconds(try #require(answer.first).nanoseconds)
        #expect(took >= .milliseconds(700))
        #expect(took < .seconds(20))
        #expect(site.server.spooled.count == 1)
        daemon.resume()
        try await eventually("the record is in the store, and the spool empty") {
          site.isDurable("10.78.0.0") && site.server.spooled.isEmpty
        }
      }
    }

    /// The kernel takes no more connections, since nobody accepts any.
    @Test func aFullQueueOfConnectionsCostsTheLimit() async throws {
      try await withCalloutSite({ $0.callout = "{limit: 700ms}" }) { site in
        try await site.server.run(["bash", "-c", "echo 2 > /proc/sys/net/core/somaxconn"]).orThrow()
        let daemon = try await site.startDaemon()
        daemon.pause()
        let path = try #require(site.server.calloutFolder) + "/sock"
        var held: [Int32] = []
        defer { for descriptor in held { close(descriptor) } }
        while let descriptor = connectNow(path) {
          held.append(descriptor)
          try #require(held.count < 100)
        }
        let answer = try await site.server.register(1, as: CalloutSite.serverName)
        let took = Duration.nanoseconds(try #require(answer.first).nanoseconds)
        #expect(took >= .milliseconds(700))
        #expect(took < .seconds(20))
        #expect(site.server.spooled.count == 1)
        daemon.resume()
        try await eventually("the record is in the store") { site.isDurable("10.78.0.0") }
      }
    }

    /// Nil where the queue is full.
    private func connectNow(_ path: String) -> Int32? {
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
      let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
      let descriptor = socket(AF_UNIX, type, 0)
      let result = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      if result == 0 { return descriptor }
      close(descriptor)
      return nil
    }

    /// The store does not answer: the limit, and then the record arrives when it does.
    @Test func aStoreThatHangsCostsTheLimit() async throws {
      try await withCalloutSite({ $0.callout = "{limit: 700ms}" }) { site in
        try await site.startDaemon()
        try await whileLocked(site.store) {
          let answer = try await site.server.register(1, as: CalloutSite.serverName)
          let took = Duration.nanoseconds(try #require(answer.first).nanoseconds)
          #expect(took >= .milliseconds(700))
          #expect(took < .seconds(20))
          #expect(site.stored("10.78.0.0") == nil)
        }
        try await eventually("the record is in the store") {
          site.isDurable("10.78.0.0")
        }
        try await eventually("the spool is empty") { site.server.spooled.isEmpty }
      }
    }

    /// The store says no: so does the daemon, at once and with the reason.
    @Test func aStoreThatCanNotBeWrittenIsAnHonestAnswer() async throws {
      try await withCalloutSite { site in
        try await site.server.run(["mount", "--bind", site.store, site.store]).orThrow()
        try await site.startDaemon()
        try await site.server.run(["mount", "-o", "remount,bind,ro", site.store]).orThrow()
        try await site.server.monitor("10.78.0.1", as: CalloutSite.serverName)
        #expect(site.stored("10.78.0.1") == nil)
        let result = try await site.server.runAsStatusMonitor([
          site.callout, "add-client", "10.78.0.1", CalloutSite.serverName,
        ])
        #expect(result.end == .exited(1))
        #expect(result.errors.contains("10.78.0.1 gets a lock whose record is not in the shared store yet"))
        #expect(result.errors.contains("Read-only file system"))
        #expect(try await site.heard().notDurable == 2)
        try await eventually("the daemon has taken what both left") {
          try await site.heard().spooled == 2 && site.server.spooled.isEmpty
        }
        try await site.server.run(["mount", "-o", "remount,bind,rw", site.store]).orThrow()
        try await eventually("the record is in the store") {
          site.isDurable("10.78.0.1")
        }
      }
    }

    /// No daemon, and no room for what it should know.
    @Test func aFullSpoolDelaysNobody() async throws {
      try await withCalloutSite { site in
        let daemon = try await site.startDaemon()
        try await daemon.terminate()
        try await site.server.run([
          "bash", "-c",
          """
          set -e
          spool=/run/lockferry/callout/spool owner=$(stat -c %u /var/lib/nfs/sm)
          mount -t tmpfs -o size=4k,mode=0700,uid=$owner tmpfs $spool
          head -c 4096 /dev/zero > $spool/.full
          """,
        ]).orThrow()
        let began = ContinuousClock.now
        try await site.server.monitor("10.78.0.1", as: CalloutSite.serverName)
        #expect(ContinuousClock.now - began < .seconds(20))
        let result = try await site.server.runAsStatusMonitor([
          site.callout, "add-client", "10.78.0.1", "nfs",
        ])
        #expect(result.end == .exited(2))
        #expect(result.errors.contains("not left in the spool either"))
        #expect(result.errors.contains("No space left on device"))
        #expect(site.server.spooled == [".full"])
        // The daemon reads statd's own files when it starts.
        try await site.startDaemon()
        try await eventually("the record is in the store") { site.isDurable("10.78.0.1") }
      }
    }

    /// del-client names one client, and that one leaves the store after its delay.
    @Test func aForgottenClientLeavesTheStoreAlone() async throws {
      try await withCalloutSite(Self.quick) { site in
        try await site.startDaemon()
        try await site.server.register(10, as: CalloutSite.serverName)
        try await site.waitUntilDeletionsAreAllowed()
        try await site.server.unregister(1, from: 4, as: CalloutSite.serverName)
        #expect(try await site.heard().departures == 1)
        try await eventually("the record leaves the store") { site.stored("10.78.0.4") == nil }
        try await always(for: .seconds(3), "all others stay") {
          (0..<10).allSatisfy { $0 == 4 || site.isDurable("10.78.0.\($0)") }
        }
      }
    }

    /// Linux 6.4 and later have statd forget everybody when the NFS server stops.
    @Test func aBurstOfForgottenClientsDeletesNothing() async throws {
      try await withCalloutSite(Self.quick) { site in
        try await site.startDaemon()
        try await site.server.register(12, as: CalloutSite.serverName)
        try await site.waitUntilDeletionsAreAllowed()
        try await site.server.unregister(12, as: CalloutSite.serverName)
        #expect(site.server.recordNames.isEmpty)
        #expect(try await site.mirror().frozen)
        #expect(try await site.heard().departures == 12)
        try await always(for: .seconds(5), "every record is still in the store") {
          (0..<12).allSatisfy { site.stored("10.78.0.\($0)") != nil }
        }
      }
    }

    /// Grouping: who comes while a transaction is under way shares the next one. rpc.statd itself asks one after the other;
    /// here a thousand ask at once, each over a connection of its own.
    @Test func aThousandCalloutsAtOnceCostAFewTransactions() async throws {
      try await withCalloutSite({ $0.callout = "{limit: 30s}" }) { site in
        try await site.startDaemon()
        Self.allowManyFiles()
        let before = try await site.mirror().commits
        let path = try #require(site.server.calloutFolder) + "/sock"
        let clients = (0..<1000).map { "10.79.\($0 / 250).\($0 % 250)" }
        // The store is busy meanwhile, so that they really come at once.
        var connections: [Int32] = []
        defer { for descriptor in connections { close(descriptor) } }
        try await whileLocked(site.store) {
          for client in clients {
            let cookie = String(repeating: "7", count: 32)
            try Data("0100007f 000186b5 00000003 00000010 \(cookie) \(client) nfs\n".utf8)
              .write(to: URL(fileURLWithPath: "\(site.server.statusDirectory)/sm/\(client)"))
            connections.append(try Self.callOut(client, at: path))
          }
        }
        let outcomes = try Self.outcomes(of: connections)
        #expect(outcomes == [1: 1000])
        #expect(clients.allSatisfy(site.isDurable))
        let commits = try await site.mirror().commits - before
        note("1000 callouts at once: \(commits) transactions")
        #expect(commits <= 10)
        #expect(try await site.heard().durable == 1000)
      }
    }

    /// Asks for one client, and does not wait for the answer.
    private static func callOut(_ client: String, at path: String) throws -> Int32 {
      let descriptor = try #require(connected(path))
      let request = try CalloutRequest.addClient(
        .init(monName: Array(client.utf8), myName: Array("nfs".utf8))
      ).bytes
      try #require(send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count)
      return descriptor
    }

    /// Waits for every answer and counts the outcomes' numbers.
    private static func outcomes(of connections: [Int32]) throws -> [UInt8: Int] {
      try connections.reduce(into: [:]) { outcomes, descriptor in
        var reply = [UInt8](repeating: 0, count: 1024)
        let count = recv(descriptor, &reply, reply.count, 0)
        outcomes[try CalloutReply(Array(reply.prefix(max(count, 0)))).outcome.rawValue, default: 0] += 1
      }
    }

    /// A thousand connections are more than a process usually may open.
    private static func allowManyFiles() {
      var limit = rlimit()
      getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      limit.rlim_cur = limit.rlim_max
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Waits where the queue is full.
    private static func connected(_ path: String) -> Int32? {
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
      let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      let result = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      if result == 0 { return descriptor }
      close(descriptor)
      return nil
    }

    /// The socket's mode keeps strangers out, and so do the kernel's credentials where the mode does not.
    @Test func onlyStatdsUserAndRootAreHeard() async throws {
      try await withCalloutSite { site in
        try await site.startDaemon()
        #expect(try await site.server.runAsStatusMonitor([site.callout, "ping"]).end == .exited(0))
        #expect(try await site.server.run([site.callout, "ping"]).end == .exited(0))
        let stranger: UInt32 = 12_345
        let shut = try await site.server.runAs(user: stranger, [site.callout, "ping"])
        #expect(shut.end == .exited(77))
        #expect(shut.errors.contains("user 12345 may not open /run/lockferry/callout/sock"))
        #expect(try await site.heard().refused == 0)
        chmod(try #require(site.server.calloutFolder) + "/sock", 0o666)
        let open = try await site.server.runAs(user: stranger, [site.callout, "ping"])
        #expect(open.end == .exited(77))
        #expect(open.errors.contains("user 12345 may not speak for rpc.statd"))
        // And it leaves nothing in the spool, which is not its own.
        let added = try await site.server.runAs(user: stranger, [site.callout, "add-client", "x", "y"])
        #expect(added.end == .exited(2))
        try await eventually("status counts it") { try await site.heard().refused == 2 }
        #expect(site.server.spooled.isEmpty)
      }
    }

    /// A client's statd tells ours that it has restarted; anybody may say so.
    @Test func aClientsRestartIsKeptAndAStrangersIsNot() async throws {
      try await withCalloutSite { site in
        try await site.startDaemon()
        try await site.server.monitor("10.78.0.1", as: CalloutSite.serverName)
        for (name, state) in [("10.78.0.1", 7), ("stranger.example.com", 9)] {
          try await site.server.run([
            HostTestKit.builtProgram("nsm-peer"), "notify", "--host", site.server.address, "--mon-name", name,
            "--state", "\(state)",
          ]).orThrow()
        }
        let restart = try await value("the restart is among the records") {
          try await site.server.records(CalloutSite.service).first { $0.client == "10.78.0.1" }?.lastRestart
        }
        #expect(restart.state == 7)
        #expect(restart.source == site.server.address)
        let folder = "\(site.store)/services/\(CalloutSite.service)/restarts"
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["10.78.0.1"])
        #expect(try await site.heard().restarts == 2)
      }
    }
  }
}
