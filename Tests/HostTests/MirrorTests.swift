import Foundation
import Glibc
import HostTestKit
import Testing

extension HostTests {
  /// M1 and M3, and what becomes of them when the store is not there.
  @Suite("The mirror on a real status directory") struct Mirror {
    /// M1 M3
    @Test func tenThousandRecordsThatAppearAtOnceAreMirroredByteForByte() async throws {
      try await withTwoServers(patient) { site in
        try await site.startDaemons()
        let directory = site.primary.statusDirectory
        let count = 10_000
        try FileManager.default.createDirectory(atPath: directory + "/new", withIntermediateDirectories: true)
        for number in 0..<count {
          let client = "10.78.\(number / 250).\(number % 250)"
          try Self.record(client, number).write(to: URL(fileURLWithPath: "\(directory)/new/\(client)"))
        }
        let start = ContinuousClock.now
        for client in try FileManager.default.contentsOfDirectory(atPath: directory + "/new") {
          #expect(rename("\(directory)/new/\(client)", "\(directory)/sm/\(client)") == 0)
        }
        note("\(count) files appeared within \(ContinuousClock.now - start)")
        try await site.waitUntilMirrored(site.primary, records: count, within: .seconds(240))
        note("\(count) records mirrored \(ContinuousClock.now - start) after the first appeared")
        for number in stride(from: 0, to: count, by: 97) {
          let client = "10.78.\(number / 250).\(number % 250)"
          #expect(site.storedRecord(client) == Self.record(client, number))
        }
        #expect(try await site.primary.status().service(TwoServers.service)?.owner == "a")
        #expect(try await site.primary.status().service(TwoServers.service)?.epoch == 1)
      }
    }

    private static func record(_ client: String, _ number: Int) -> Data {
      let cookie = String(number, radix: 16)
      let padding = String(repeating: "0", count: 32 - cookie.count)
      return Data("0100007f 000186b5 00000003 00000010 \(padding)\(cookie) \(client) nfs.demo.test\n".utf8)
    }

    /// M1: the folder itself is replaced.
    @Test func aStatusDirectoryThatIsReplacedIsReadAgain() async throws {
      try await withTwoServers(patient) { site in
        try await site.startDaemons()
        try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        let directory = site.primary.statusDirectory
        #expect(rename(directory + "/sm", directory + "/sm.old") == 0)
        mkdir(directory + "/sm", 0o700)
        let record = Self.record("10.78.0.1", 1)
        try record.write(to: URL(fileURLWithPath: directory + "/sm/10.78.0.1"))
        try await eventually("the new folder's record is in the store") {
          site.storedRecord("10.78.0.1") == record
        }
        // Nothing is deleted because it is missing.
        #expect(site.storedRecord(TwoServers.clientName) != nil)
      }
    }

    /// A single departure is a departure, but only after its delay.
    @Test func aClientThatUnlocksLeavesTheStoreAfterTheDelay() async throws {
      try await withTwoServers({
        patient(&$0)
        $0.mirror = "{grace_period: 1s, departure_delay: 4s}"
      }) { site in
        try await site.startDaemons()
        try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        try await waitUntilDeletionsAreAllowed(site)
        let before = ContinuousClock.now
        try await site.primary.unmonitor(site.client.address, as: TwoServers.serverName)
        try await eventually("the record leaves the status directory") { site.primary.recordNames.isEmpty }
        try await eventually("the record leaves the store") {
          site.storedRecord(TwoServers.clientName) == nil
        }
        #expect(ContinuousClock.now - before >= .seconds(4))
      }
    }

    /// For a while after a plan clients may still be reclaiming, and what departs then is kept.
    private func waitUntilDeletionsAreAllowed(_ site: TwoServers) async throws {
      try await eventually("the mirror is not frozen") {
        try await site.primary.status().service(TwoServers.service)?.mirror?.frozen == false
      }
    }

    /// Linux 6.4 and later empty sm/ when the NFS server stops.
    @Test func aBurstOfRemovalsDeletesNothingFromTheStore() async throws {
      try await withTwoServers({
        patient(&$0)
        $0.mirror = "{grace_period: 1s, departure_delay: 2s}"
      }) { site in
        try await site.startDaemons()
        let sm = site.primary.statusDirectory + "/sm"
        let clients = (1...20).map { "10.78.0.\($0)" }
        for (number, client) in clients.enumerated() {
          try Self.record(client, number).write(to: URL(fileURLWithPath: "\(sm)/\(client)"))
        }
        try await site.waitUntilMirrored(site.primary, records: clients.count)
        try await waitUntilDeletionsAreAllowed(site)
        for client in clients { unlink("\(sm)/\(client)") }
        try await eventually("the mirror says that it is frozen") {
          try await site.primary.status().service(TwoServers.service)?.mirror?.frozen == true
        }
        try await always(for: .seconds(5), "every record is still in the store") {
          clients.allSatisfy { site.storedRecord($0) != nil }
        }
      }
    }

    @Test func aStoreWhoseFolderVanishesAndReturnsCatchesUp() async throws {
      try await withTwoServers { site in
        try await site.startDaemons()
        try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        #expect(rename(site.store, site.store + ".away") == 0)
        try await eventually("both nodes say that the store is away") {
          for host in site.servers where try await host.status().store.reachable { return false }
          return true
        }
        try await site.primary.monitor(site.adoptive.address, as: TwoServers.serverName)
        #expect(try await site.primary.healthCode("/liveness") == 200)
        #expect(try await site.primary.healthCode("/readiness") == 503)
        // Nobody can renew, so nobody may serve, and nobody may take over.
        try await eventually("nobody has the address") {
          try await site.holders(former: site.primary).isEmpty
        }
        #expect(access(site.store, F_OK) == -1, "a store that is away must not be made anew")

        #expect(rename(site.store + ".away", site.store) == 0)
        let back = ContinuousClock.now
        try await eventually("the service is online again, in one place") {
          for host in site.servers {
            let service = try await host.status().service(TwoServers.service)
            if service?.state == "online", service?.owner == host.name {
              return try await site.holders(former: host) == [host.name]
            }
          }
          return false
        }
        note("online again \(ContinuousClock.now - back) after the store was back")
        let stored = {
          site.storedRecord("b.demo.test") != nil && site.storedRecord(TwoServers.clientName) != nil
        }
        let owner = try await site.primary.status().service(TwoServers.service)?.owner
        // What a's statd wrote while the store was away gets there as soon as a owns the service again.
        if owner == "a" {
          try await eventually("both records are in the store", stored)
          note("caught up \(ContinuousClock.now - back) after the store was back")
        }
        #expect(site.storedRecord(TwoServers.clientName) != nil)
      }
    }

    /// A lock on the store that somebody holds: calls fail at their limit.
    @Test func aStoreThatSomebodyHoldsLockedLeavesTheDaemonAnswering() async throws {
      try await withTwoServers { site in
        try await site.startDaemons()
        try await site.waitUntilMirrored(site.primary, records: 0)
        try await Self.whileLocked(site.store + "/.lock") {
          try await Self.expectAnswers(of: site)
        }
        try await Self.expectRecovery(of: site)
      }
    }

    /// A disk that hangs so that whoever writes to it can't even be killed.
    @Test(
      .enabled(
        if: SharedDisk.unavailableBecause == nil, Comment(rawValue: SharedDisk.unavailableBecause ?? "")))
    func aStoreOnADiskThatHangsLeavesTheDaemonAnswering() async throws {
      try await withTestNetwork { network in
        var site = try await TwoServers(in: network)
        let disk = try await SharedDisk(on: site.servers, in: network, at: network.sharedPath("disk"))
        site.store = disk.path + "/lockferry"
        try await site.primary.run([
          "bash", "-c",
          "mkdir \"$1\" && echo 'lockferry directory store, format 1' > \"$1/.lockferry-store\"", "store",
          site.store,
        ]).orThrow()
        try site.writeNodeFiles()
        try await site.startStatusMonitors()
        try await site.startDaemons()
        try await disk.whileFrozen { try await Self.expectAnswers(of: site) }
        try await Self.expectRecovery(of: site)
      }
    }

    private static func expectAnswers(of site: TwoServers) async throws {
      try await eventually("both nodes say that they can't beat") {
        for host in site.servers where try await host.status().health.beating { return false }
        return true
      }
      try await eventually("nobody has the address") {
        try await site.holders(former: site.primary).isEmpty
      }
      for (path, code) in [("/liveness", 200), ("/status", 200), ("/readiness", 503)] {
        for host in site.servers {
          try await eventually("\(path) answers at once") {
            try await host.healthCode(path, within: 2) == code
          }
        }
        try await always(for: .seconds(3), "\(path) answers \(code)") {
          for host in site.servers where try await host.healthCode(path) != code { return false }
          return true
        }
      }
    }

    private static func expectRecovery(of site: TwoServers) async throws {
      try await eventually("the service is online again, in one place") {
        for host in site.servers {
          let service = try await host.status().service(TwoServers.service)
          if service?.state == "online", service?.owner == host.name {
            return try await site.holders(former: host) == [host.name]
          }
        }
        return false
      }
    }

    /// Locks the whole file against every other process (fcntl(2), which excludes locks of open files, too).
    private static func whileLocked(_ path: String, _ body: () async throws -> Void) async throws {
      let file = open(path, O_RDWR | O_CLOEXEC)
      try #require(file != -1)
      defer { close(file) }
      try await eventually("\(path) is locked") {
        var range = Glibc.flock()
        range.l_type = Int16(F_WRLCK)
        range.l_whence = Int16(SEEK_SET)
        return fcntl(file, F_SETLK, &range) == 0
      }
      try await body()
    }
  }
}
