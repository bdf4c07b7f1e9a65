import Glibc
import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("A simulator that finds nothing proves nothing: mistakes that others have made are found (B5)")
struct PlantedBugTests {
  /// Within so many seeds; the most that one needs is 1187. docs/simulator.md has the table.
  private static let bound = 2000

  /// Planted, and not claimed to be found: docs/simulator.md says why.
  static let unseen: Set<PlantedBug> = [
    .leaseCountsFromAnswer, .stalenessIsForgotten, .beatCarriesNoOwners, .claimComparesNoBeat,
    .fenceDebtIsForgotten, .burstIsNoFreeze, .planIsNoFreeze, .missingIsDeparted,
    .directoryGoneIsDeparture, .retirementIsDeparture,
    .thawTakesMissing, .deposedPlanGoesOn, .mirrorComparesNoOwner, .numberIsToldFirst,
    .standingIsNotLookedAt, .strayBatchMayLand, .graceIsNoFreeze, .departureIsNotLookedFor, .turnNeverComes,
    .lostBidIsAwaited, .everyBidCounts, .lateBidIsPlaced, .graceIsNotWatched,
  ]

  @Test(arguments: PlantedBug.allCases.filter { !PlantedBugTests.unseen.contains($0) })
  func isFound(bug: PlantedBug) {
    for seed in 0..<Self.bound {
      guard let violation = Ordeal.run(Schedule(seed: seed).planted(bug)).violation else { continue }
      if getenv("LOCKFERRY_PLANTED") != nil {
        print("| `\(bug)` | \(bug.rawValue) | \(violation.invariant.rawValue) | \(seed + 1) |")
      }
      return
    }
    Issue.record("\(bug) is not found within \(Self.bound) seeds")
  }

  /// Random faults would have to make one step fail often enough, on the node that adopts, while it does.
  @Test func clientsThatAreToldTooLateAreFoundWhereTellingThemFailsForLongerThanTheGracePeriod() throws {
    var shape = ClusterShape.plain
    shape.nodes = ["a", "b", "c"].compactMap(NodeName.init)
    shape.addService("home", ["a", "b", "c", "fence"])
    shape.addClients(4)
    shape.mirror = MirrorTimings(
      gracePeriod: .seconds(8), departureDelay: .seconds(14), burst: 3, burstWindow: .seconds(10),
      rescan: .seconds(12))
    var found = 0
    for seed in 0..<10 {
      var schedule = Schedule(shape: shape, until: .seconds(80), seed: seed)
      schedule.faults = try ["step-fails b notify 7x at 25s", "power-cut a at 30s"].map {
        try Fault(parsing: $0, in: shape)
      }
      #expect(Ordeal.run(schedule).violation == nil, "seed \(seed)")
      let violation = Ordeal.run(schedule.planted(.graceIsNotWatched)).violation
      if violation?.invariant == .noLockTwice { found += 1 }
    }
    #expect(found > 0)
  }
}
