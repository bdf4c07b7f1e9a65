import Foundation
import HostTestKit
import Testing

extension HostTests {
  /// The main job.
  @Suite("Failover of a service whose owner is gone") struct Failover {
    /// M1 M3 M5 M6 M7 M8
    @Test func clientsOfAnOwnerThatLostItsPowerAreToldANewStateNumberByTheOther() async throws {
      try await withTwoServers { site in
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 1)
        let seen = try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        let record = try #require(site.record(TwoServers.clientName, on: site.primary))
        #expect(site.storedRecord(TwoServers.clientName) == record)

        let cut = try await site.primary.powerCut()
        let callback = try await listener.callback("the client is called back")
        let entry = try await site.adoption(by: site.adoptive)

        note("called back \(cut.milliseconds(toBoot: callback.bootNs)) ms after the power cut")
        #expect(callback.monName == TwoServers.serverName)
        #expect(callback.state > seen && callback.state % 2 == 1)
        #expect(entry.stateNumber == callback.state)
        #expect(site.adoptive.stateNumber.map(Int.init) == callback.state)
        #expect(entry.outcome == "done" && entry.from == "a" && entry.to == "b" && entry.epoch == 2)
        #expect(entry.clients.map(\.client) == [TwoServers.clientName])
        #expect(entry.clients.map(\.told) == [true])
        #expect(entry.startedAt.hasSuffix("Z"))
        #expect(site.record(TwoServers.clientName, on: site.adoptive) == record)
        let file = try await site.adoptive.run([
          "stat", "-c", "%U %a", "/var/lib/nfs/sm/\(TwoServers.clientName)",
        ])
        #expect(file.output == "statd 600\n")
        try await site.waitUntil(site.adoptive, owns: TwoServers.service)
        try await site.waitUntilMirrored(site.adoptive, records: 1)
      }
    }

    /// M5 M6: one client of both servers keeps the line of each, and the number is newer than either server's.
    @Test func adoptedRecordsJoinThoseOfTheServersOwnClients() async throws {
      try await withTwoServers { site in
        // Server b has restarted more often than server a.
        try withUnsafeBytes(of: Int32(41)) {
          try Data($0).write(to: URL(fileURLWithPath: site.adoptive.statusDirectory + "/state"))
        }
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 1)
        try await site.firstLock(on: site.primary)
        try await site.adoptive.monitor(site.client.address, as: "b.demo.test")
        let own = try #require(site.record(TwoServers.clientName, on: site.adoptive))
        try await site.waitUntilMirrored(site.primary, records: 1)
        let adopted = try #require(site.record(TwoServers.clientName, on: site.primary))

        try await site.primary.powerCut()
        let callback = try await listener.callback("the client is called back")
        #expect(callback.state > 41)
        #expect(site.record(TwoServers.clientName, on: site.adoptive) == own + adopted)
      }
    }

    /// M8: what the probes find is what the beats say.
    @Test func anOwnerWhoseStatusMonitorDiesGivesItsServiceToTheOther() async throws {
      try await withTestNetwork { network in
        let site = try await TwoServers(in: network)
        try site.makeStore()
        try site.writeNodeFiles()
        for host in [site.primary, site.adoptive, site.client] { try await host.startPortMapper() }
        let statd = try await site.primary.startStatusMonitor()
        try await site.adoptive.startStatusMonitor()
        try await site.client.startStatusMonitor()
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 1)
        let seen = try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)

        try await statd.kill()
        try await site.waitUntil(site.adoptive, owns: TwoServers.service)
        #expect(try await listener.callback("the client is called back").state > seen)
        let status = try await site.primary.status()
        #expect(!status.health.healthy)
        let namesTheProgram = status.health.reasons.contains { $0.contains("status") }
        #expect(namesTheProgram, "\(status.health.reasons)")
        #expect(try await site.primary.healthCode("/health") == 503)
        #expect(try await site.primary.healthCode("/liveness") == 200)
        #expect(try await !site.primary.has(address: TwoServers.address))
      }
    }

    /// M8: a dead daemon is no dead server as long as it is back before its lease ends.
    @Test func nothingFailsOverWhenAKilledDaemonIsRestartedAtOnce() async throws {
      // Long enough for a busy machine to start a daemon in, and over before the last look.
      try await withTwoServers({ $0.beats = "{store_timeout: 3s, lease: 12s}" }) { site in
        let daemon = try await site.startDaemons().primary
        try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)

        try await daemon.kill()
        // What happens meanwhile must be caught up with.
        try await site.primary.monitor(site.adoptive.address, as: TwoServers.serverName)
        _ = try await site.primary.startLockferry()
        try await site.waitUntilMirrored(site.primary, records: 2)
        try await always(for: .seconds(16), "a owns the service and has its address") {
          let seen = try await site.adoptive.status().service(TwoServers.service)
          guard seen?.owner == "a", seen?.epoch == 1 else { return false }
          return try await site.holders(former: site.primary) == ["a"]
        }
        try await site.waitUntil(site.primary, owns: TwoServers.service)
        let history = try await site.primary.history(TwoServers.service)
        #expect(!history.contains { $0.kind == "adoption" })
      }
    }

    /// B5: the daemon hangs through its own lease, and its kernel answers for the address: nobody takes that before the
    /// daemon goes on, finds the service another's and lets go of it.
    @Test func anOwnerThatHungReturnsToFindItsServiceElsewhereAndGivesItUp() async throws {
      try await withTwoServers { site in
        let daemon = try await site.startDaemons().primary
        let listener = try await site.client.listen(callbacks: 1)
        try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)

        let hardware = try await site.primary.hardwareAddress()
        daemon.pause()
        try await eventually("b says who has the address") {
          let plan = try await site.adoptive.status().service(TwoServers.service)?.plan
          return plan?.problem?.contains(hardware) == true
        }
        #expect(try await site.holders(former: site.primary) == ["a"])
        daemon.resume()
        try await site.waitUntil(site.adoptive, owns: TwoServers.service)
        _ = try await listener.callback("the client is called back")
        try await eventually("a lets go of the address") {
          try await !site.primary.has(address: TwoServers.address)
        }
        try await always(for: .seconds(3), "b alone has the address") {
          try await site.holders(former: site.primary) == ["b"]
        }
        #expect(try await site.primary.status().service(TwoServers.service)?.owner == "b")
      }
    }

    /// An owner that can't renew gives its service up before the others may take it: its cable is pulled and its way
    /// to the store cut. Also where it can't write down that it has: its run directory is full, or broken as here.
    @Test(arguments: [true, false])
    func anOwnerThatIsCutOffFromTheStoreGivesTheAddressUpBeforeTheOtherTakesIt(writesItDown: Bool)
      async throws
    {
      try await withTestNetwork { network in
        var site = try await TwoServers(in: network)
        site.store = network.sharedPath("disk/lockferry")
        // Each host has a mount of the store's folder of its own, so that one of them can lose it.
        for host in site.servers {
          try network.makeFolder(network.sharedPath("real/disk"))
          try network.makeFolder(network.sharedPath("disk"))
          try await host.run(["mount", "--bind", network.sharedPath("real/disk"), network.sharedPath("disk")])
            .orThrow()
        }
        let real = network.sharedPath("real/disk/lockferry")
        try network.makeFolder(real)
        try Data("lockferry directory store, format 1\n".utf8).write(
          to: URL(fileURLWithPath: real + "/.lockferry-store"))
        try site.writeNodeFiles()
        try await site.startStatusMonitors()
        try await site.startDaemons()
        if !writesItDown {
          try await site.primary.run(["mkdir", "/run/lockferry/\(TwoServers.service).given-up"]).orThrow()
        }

        try await site.primary.disconnect()
        try await site.primary.run(["umount", "--lazy", network.sharedPath("disk")]).orThrow()
        // The new owner first: an address that both have is seen on both.
        try await eventually("b has the address") {
          let holders = try await site.holders(former: site.primary)
          #expect(holders != ["b", "a"], "two servers have the service's address")
          return holders == ["b"]
        }
        try await site.waitUntil(site.adoptive, owns: TwoServers.service)
        #expect(try await !site.primary.has(address: TwoServers.address))
        #expect(try await site.primary.healthCode("/readiness") == 503)
        #expect(try await site.primary.healthCode("/liveness") == 200)
      }
    }
  }
}
