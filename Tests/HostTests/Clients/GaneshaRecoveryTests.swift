import Foundation
import HostTestKit
import Testing

extension ClientHostTests {
  /// M7 B9: `recovery.server: ganesha`, with the real ganesha.nfsd of Debian (4.3) and a real message bus.
  @Suite(
    "Recovery by NFS-Ganesha's own grace period",
    .enabled(
      if: Ganesha.folder != nil,
      "no ganesha.nfsd: make test unpacks it, or scripts/unpack-packages .build/ganesha nfs-ganesha nfs-ganesha-mem"
    ))
  struct GaneshaRecoveryTests {
    @Test("B9 what Ganesha does: its grace period lets locks be reclaimed, and takes none from anybody")
    func grace() async throws {
      try await withTestNetwork { network in
        let server = try await network.addHost("server")
        let first = try await network.addHost("first")
        let second = try await network.addHost("second")
        try await server.startPortMapper()
        try await server.startStatusMonitor()
        try await Ganesha.startMessageBus(on: server)
        try await Ganesha.start(on: server, grace: 10)
        try await eventually("the grace period of its start is over") {
          try await first.lock(at: server) == "granted"
        }
        #expect(try await second.lock(at: server, file: "reclaimed", reclaim: true) == "denied-grace")

        #expect(try await Ganesha.call("grace", "string:0:", on: server).contains("boolean true"))
        #expect(try await second.lock(at: server, file: "reclaimed", reclaim: true) == "granted")
        #expect(try await second.lock(at: server, file: "new") == "denied-grace")
        // Whoever had a lock before has it still.
        let answer = try await value(within: .seconds(60), "the grace period is over") {
          let answer = try await second.lock(at: server)
          return answer == "denied-grace" ? nil : answer
        }
        #expect(answer == "denied")
        #expect(try await first.lock(at: server, file: "reclaimed") == "denied")
      }
    }

    @Test(
      "M7 B9 the locks of a dead server's clients come back, and the adoptive server's own clients keep theirs"
    )
    func adoption() async throws {
      try await withTestNetwork { network in
        let site = try await TwoServers(in: network)
        let other = try await network.addHost("other")
        try site.makeStore()
        try site.writeNodeFiles {
          $0.services[0].serverRecovery = .word("ganesha")
          $0.mirror = "{grace_period: 30s}"
          $0.adoption = "{check_interval: 500ms}"
        }
        try await site.startStatusMonitors()
        try await other.startPortMapper()
        try await other.startStatusMonitor()
        for server in site.servers { try await Ganesha.startMessageBus(on: server) }
        try await Ganesha.start(on: site.primary, grace: 30)

        _ = try await site.primary.startLockferry()
        _ = try await site.adoptive.startLockferry()
        try await eventually("b is not eligible, since its Ganesha does not run") {
          let status = try await site.primary.status().service(TwoServers.service)
          return status?.reasons(against: "b").contains { $0.contains("NFS-Ganesha does not run here") }
            == true
        }
        try await Ganesha.start(on: site.adoptive, grace: 30)
        try await site.waitUntil(site.primary, owns: TwoServers.service)
        try await eventually("b could adopt the service") {
          try await site.primary.status().service(TwoServers.service)?.reasons(against: "b").isEmpty == true
        }

        // Both sides monitor each other, as lock managers have them do.
        let listener = try await site.client.listen(callbacks: 1)
        try await site.client.monitor(TwoServers.serverName, as: TwoServers.clientName)
        try await eventually("the client has its lock at the service") {
          try await site.client.lock(at: TwoServers.address) == "granted"
        }
        try await eventually("another client has one at b itself") {
          try await other.lock(at: site.adoptive, file: "others") == "granted"
        }
        try await site.waitUntilMirrored(site.primary, records: 1)
        let plan = try await site.adoptive.lockferry("migrate", TwoServers.service, "--to", "b", "--dry-run")
          .orThrow().output
        #expect(plan.contains("start-grace") && plan.contains("get-grace"), "\(plan)")
        // Without a grace period the lock would be lost.
        #expect(try await site.client.lock(at: site.adoptive, reclaim: true) == "denied-grace")

        try await site.primary.powerCut()
        _ = try await listener.callback("the client is called back")
        #expect(try await site.client.lock(at: TwoServers.address, reclaim: true) == "granted")
        #expect(try await other.lock(at: TwoServers.address) == "denied-grace")

        let entry = try await site.adoption(by: site.adoptive)
        let step = try #require(entry.steps.first { $0.step == "server" })
        #expect(step.detail.hasPrefix("ganesha: its grace period runs"), "\(step.detail)")
        // Nobody else has anything to reclaim.
        #expect(entry.clients.map(\.client) == [TwoServers.clientName] && entry.clients.map(\.told) == [true])
        let answer = try await value(within: .seconds(90), "the grace period is over") {
          let answer = try await other.lock(at: TwoServers.address)
          return answer == "denied-grace" ? nil : answer
        }
        #expect(answer == "denied")
        #expect(try await site.client.lock(at: site.adoptive, file: "others") == "denied")
        try await eventually("both clients have records on b") {
          site.adoptive.recordNames.count == 2
        }
      }
    }

    @Test(
      "M7 B9 Ganesha without a grace period is no candidate, and adopts nothing where that is not seen beforehand"
    )
    func graceless() async throws {
      try await withTestNetwork { network in
        let site = try await TwoServers(in: network)
        try site.makeStore()
        try site.writeNodeFiles {
          $0.services[0].serverRecovery = .word("ganesha")
          $0.mirror = "{grace_period: 10s}"
          $0.adoption = "{check_interval: 500ms}"
        }
        try await site.startStatusMonitors()
        for server in site.servers { try await Ganesha.startMessageBus(on: server) }
        try await Ganesha.start(on: site.primary, grace: 10)
        var adoptive = try await Ganesha.start(on: site.adoptive)
        _ = try await site.primary.startLockferry()
        try await site.waitUntil(site.primary, owns: TwoServers.service)
        _ = try await site.adoptive.startLockferry()
        func isKept(because words: String) async throws -> Bool {
          let status = try await site.primary.status().service(TwoServers.service)
          return status?.reasons(against: "b").contains { $0.contains(words) } == true
        }
        try await eventually("b says that it would begin none") {
          try await isKept(because: "Graceless is set")
        }
        try await adoptive.kill()
        adoptive = try await Ganesha.start(on: site.adoptive, grace: 5)
        try await eventually("b says that its would be too short") {
          try await isKept(because: "shorter than mirror.grace_period (10s)")
        }
        try await adoptive.kill()
        try await Ganesha.start(on: site.adoptive, isIncluded: true)
        try await eventually("b could adopt the service, for all it knows") {
          try await site.primary.status().service(TwoServers.service)?.reasons(against: "b").isEmpty == true
        }
        try await eventually("the client has a lock") {
          try await site.client.lock(at: TwoServers.address) == "granted"
        }
        try await site.waitUntilMirrored(site.primary, records: 1)
        try await site.primary.powerCut()
        try await eventually("the step has failed for that reason") {
          let plan = try await site.adoptive.status().service(TwoServers.service)?.plan
          return plan?.problem?.contains("Graceless must not be set") == true
        }
        #expect(try await !site.adoptive.has(address: TwoServers.address))
      }
    }

    @Test(
      "M7 B9 when somebody restarts Ganesha on the owner itself, its clients are told without being asked for"
    )
    func restartedBySomebody() async throws {
      try await withTestNetwork { network in
        let site = try await CalloutSite(in: network) {
          $0.services[0].serverRecovery = .word("ganesha")
          $0.mirror = "{grace_period: 30s, departure_delay: 31s}"
        }
        let client = try await network.addHost("client")
        try await site.startStatusMonitor()
        try await client.startPortMapper()
        try await client.startStatusMonitor()
        try await Ganesha.startMessageBus(on: site.server)
        var ganesha = try await Ganesha.start(on: site.server, grace: 30)
        try await site.startDaemon()
        let listener = try await client.listen(callbacks: 1)
        try await client.monitor(CalloutSite.serverName, as: "client.demo.test")
        try await eventually("the client has a lock") {
          try await client.lock(at: site.server) == "granted"
        }
        try await eventually("its record is in the store") { try await site.mirror().recordsMirrored == 1 }
        // The daemon itself has seen that no grace period runs: one that runs later is younger.
        try await eventually("the mirror is not frozen") {
          try await !site.mirror().frozen
        }
        let refused = try await site.server.lockferry("notify", CalloutSite.service)
        #expect(
          !refused.end.succeeded && refused.errors.contains("no grace period runs here"), "\(refused.errors)")

        try await ganesha.kill()
        ganesha = try await Ganesha.start(on: site.server, grace: 30)
        let callback = try await listener.callback("the client is called back")
        #expect(callback.monName == CalloutSite.serverName)
        #expect(try await client.lock(at: site.server, reclaim: true) == "granted")
        #expect(site.server.recordNames.count == 1)
        let entry = try await value(within: .seconds(60), "everybody has been told") {
          try await site.server.history(CalloutSite.service).last {
            $0.kind == "notification" && $0.outcome == "done"
          }
        }
        #expect(entry.because.contains("NFS-Ganesha was restarted by somebody"), "\(entry.because)")
        #expect(entry.stateNumber == Int(callback.state))
      }
    }

    @Test("B9 rule 5: Ganesha's start erases the record of its only client, and the store keeps it")
    func start() async throws {
      try await withTestNetwork { network in
        let site = try await CalloutSite(in: network) {
          $0.services[0].serverRecovery = .word("ganesha")
          $0.mirror = "{grace_period: 5s, departure_delay: 8s, rescan: 2s}"
        }
        let client = try await network.addHost("client")
        try await site.startStatusMonitor()
        try await Ganesha.startMessageBus(on: site.server)
        let ganesha = try await Ganesha.start(on: site.server, grace: 5)
        try await site.startDaemon()
        try await eventually("the client has a lock") {
          try await client.lock(at: site.server) == "granted"
        }
        try await eventually("its record is in the store") {
          let mirror = try await site.mirror()
          return mirror.recordsMirrored == 1 && !mirror.frozen
        }

        try await ganesha.kill()
        try await Ganesha.start(on: site.server, grace: 5)
        try await eventually("its record is gone from the status directory") {
          site.server.recordNames.isEmpty
        }
        try await eventually("deletions are allowed again, and it is none of them") {
          let mirror = try await site.mirror()
          return !mirror.frozen && mirror.departing == 0 && mirror.retained == 1
        }
      }
    }
  }
}
