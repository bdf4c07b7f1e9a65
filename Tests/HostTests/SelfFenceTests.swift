import Foundation
import HostTestKit
import Testing

extension HostTests {
  /// B5: a machine whose daemon hangs is reset by its own watchdog, which stands at the other end of a FIFO here.
  @Suite("Self-fence") struct SelfFence {
    private static let timeout = Duration.seconds(4)

    private func withFencedServers(
      _ body: (_ site: TwoServers, _ a: FIFOWatchdog, _ b: FIFOWatchdog) async throws -> Void
    ) async throws {
      try await withTwoServers({ file in
        file.beats = "{lease: 12s}"
        file.selfFence = "{watchdog: \(file.stateDirectory)/watchdog, timeout: 4s}"
      }) { site in
        let dogs = try site.servers.map { host in
          try FIFOWatchdog(host.disk + "/state/watchdog", timeout: Self.timeout)
        }
        defer { for dog in dogs { dog.end() } }
        try await body(site, dogs[0], dogs[1])
      }
    }

    @Test func aHungOwnerIsResetBeforeAnotherTakesItsService() async throws {
      try await withFencedServers { site, a, b in
        let daemon = try await site.startDaemons().primary
        let listener = try await site.client.listen(callbacks: 1)
        let seen = try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        #expect(a.isArmed && !a.hasExpired)
        #expect(try await site.primary.status().selfFence == "armed")
        #expect(try await site.adoptive.status().selfFence == "off")
        // Each was tried once when its daemon began.
        #expect(!b.isArmed && b.stops == 1 && a.stops == 1)

        daemon.pause()
        try await eventually("a's watchdog is not fed any more") { a.hasExpired }
        let service = try await site.adoptive.status().service(TwoServers.service)
        #expect(service?.owner == "a" && service?.epoch == 1, "b was faster than the reset")
        try await site.primary.powerCut()
        try await site.waitUntil(site.adoptive, owns: TwoServers.service, within: .seconds(90))
        #expect(try await listener.callback("the client is called back").state > seen)
        #expect(b.isArmed && !b.hasExpired)
        let step = try await site.adoption(by: site.adoptive).steps.first { $0.step == "address" }
        #expect(step?.detail.contains("nobody else has it") == true)
      }
    }

    /// Given away, taken on by the next daemon, or given up in order: nobody is reset.
    @Test func whoOwnsNothingIsNotResetAndADaemonThatIsBackInTimeFeedsOn() async throws {
      try await withFencedServers { site, a, b in
        let daemon = try await site.startDaemons().primary
        try await daemon.kill()
        let feeds = a.feeds
        _ = try await site.primary.startLockferry()
        try await eventually("the next daemon feeds on") { a.feeds >= feeds + 2 }
        try await site.waitUntil(site.primary, owns: TwoServers.service)
        #expect(a.stops == 1 && !a.hasExpired)

        try await site.primary.lockferry("migrate", TwoServers.service, "--to", "b", "--wait").orThrow()
        try await eventually("a's watchdog is stopped") { !a.isArmed }
        #expect(b.isArmed && a.stops == 2)
        try await always(for: .seconds(6), "b is fed, a counts no more") { !b.hasExpired && !a.isArmed }

        // b can't reach the store: it gives the service up, and nothing has to be reset for it.
        try FileManager.default.moveItem(atPath: site.store, toPath: site.store + ".away")
        try await eventually("b's watchdog is stopped") {
          #expect(!b.hasExpired, "b was reset though it could have given the service up")
          return !b.isArmed
        }
        #expect(try await !site.adoptive.has(address: TwoServers.address))
        try FileManager.default.moveItem(atPath: site.store + ".away", toPath: site.store)
      }
    }
  }
}
