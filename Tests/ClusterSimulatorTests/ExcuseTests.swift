import Testing

@testable import Cluster
@testable import ClusterSimulator

/// B5: what a run is forgiven is forgiven to one client, for the locks that it is about.
@Suite("What is permitted hides no other loss")
struct ExcuseTests {
  /// All clients restart while their server can't hear it, and take locks before it can.
  private func schedule(seed: Int) throws -> Schedule {
    var shape = ClusterShape.plain
    shape.nodes = ["a", "b", "c"].compactMap(NodeName.init)
    shape.addService("home", ["a", "b", "c", "fence"])
    shape.addClients(3)
    shape.mirror = MirrorTimings(
      gracePeriod: .seconds(8), departureDelay: .seconds(14), burst: 3, burstWindow: .seconds(10),
      rescan: .seconds(12))
    var schedule = Schedule(shape: shape, until: .seconds(50), seed: seed)
    schedule.faults = try [
      "every-client-reboots at 20s for 2s", "status-monitor-stops a at 20s for 8s", "power-cut a at 40s",
    ].map { try Fault(parsing: $0, in: shape) }
    return schedule
  }

  @Test func aRestartThatIsHeardLateExcusesWhatItFreesAndNothingThatIsTakenAfterwards() throws {
    var (permitted, found) = (0, 0)
    for seed in 0..<30 {
      let report = Ordeal.run(try schedule(seed: seed))
      #expect(report.violation == nil, "seed \(seed)")
      permitted += report.permissions[.clientRestarted] ?? 0
      // Twelve seconds later the next owner takes the address before its grace period runs.
      let planted = Ordeal.run(try schedule(seed: seed).planted(.serverAfterAddress))
      if planted.violation?.invariant == .noLockTwice { found += 1 }
    }
    #expect(permitted > 0)
    #expect(found > 0)
  }
}
