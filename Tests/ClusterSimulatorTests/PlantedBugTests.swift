import Glibc
import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("A simulator that finds nothing proves nothing: mistakes that others have made are found (B5)")
struct PlantedBugTests {
  /// Within so many seeds; the same ones break nothing without a planted mistake (`SeedTests`).
  private static let bound = 2_000

  @Test(arguments: PlantedBug.allCases)
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

  @Test func thereAreAtLeastTwentyFive() {
    #expect(PlantedBug.allCases.count >= 25)
  }
}
