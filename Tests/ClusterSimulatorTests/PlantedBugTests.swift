import Glibc
import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("A simulator that finds nothing proves nothing: mistakes that others have made are found (B5)")
struct PlantedBugTests {
  /// Within so many seeds; the most that one needs is 213. docs/simulator.md has the table.
  private static let bound = 2000

  /// Planted, and not claimed to be found: docs/simulator.md says why.
  static let unseen: Set<PlantedBug> = [
    .leaseCountsFromAnswer, .stalenessIsForgotten, .beatCarriesNoOwners, .claimComparesNoBeat,
    .fenceDebtIsForgotten, .withdrawnIsForgotten, .burstIsNoFreeze, .planIsNoFreeze, .missingIsDeparted,
    .directoryGoneIsDeparture, .departureIsAtOnce, .retirementIsDeparture,
    .thawTakesMissing, .deposedPlanGoesOn, .mirrorComparesNoOwner, .numberIsToldFirst,
    .standingIsNotLookedAt, .strayBatchMayLand, .graceIsNoFreeze, .departureIsNotLookedFor, .turnNeverComes,
    .lostBidIsAwaited, .everyBidCounts, .lateBidIsPlaced, .ownLookIsBelieved, .graceIsNotWatched,
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
}
