import Glibc
import Testing

@testable import ClusterSimulator

@Suite("Whole clusters from a seed: faults at random, then calm (B5, C4, C7, M8, M10)")
struct SeedTests {
  /// Another number of seeds by `LOCKFERRY_SEEDS=100000`, from another one on by `LOCKFERRY_FIRST_SEED=7`.
  private static func number(_ variable: String) -> Int? {
    getenv(variable).flatMap { Int(String(cString: $0)) }
  }

  static let seeds = number("LOCKFERRY_SEEDS") ?? 10_000
  static let first = number("LOCKFERRY_FIRST_SEED") ?? 0

  /// The parts run side by side, one on each processor.
  @Test("No invariant is broken, and everything is served and told in the end", arguments: 0..<8)
  func seeds(part: Int) {
    var (claims, checks, deletions, told) = (0, 0, 0, 0)
    var failures = 0
    for seed in Self.first..<(Self.first + Self.seeds) where seed % 8 == part {
      let report = Ordeal.run(Schedule(seed: seed))
      claims += report.claims
      checks += report.checks
      deletions += report.deletions
      told += report.clientsTold
      guard report.violation != nil else { continue }
      Issue.record("\(Reduction.reduce(report).story)")
      failures += 1
      if failures == 2 { return }
    }
    // The ordeal is one: services move, clients are told, records leave.
    guard Self.seeds >= 1000 else { return }
    let parts = Self.seeds / 8
    #expect(claims > parts)
    #expect(checks > parts * 50)
    #expect(told > parts)
    #expect(deletions > 0)
  }

  @Test(
    "What these seeds have broken once is mended", arguments: [319, 1684, 3566, 8410, 11722, 16194, 17819])
  func mended(seed: Int) {
    #expect(Ordeal.run(Schedule(seed: seed)).violation == nil)
  }

  @Test func theSameScheduleTellsTheSameStory() {
    let schedule = Schedule(seed: 11)
    let first = Ordeal.run(schedule, isTraced: true)
    let second = Ordeal.run(schedule, isTraced: true)
    #expect(first == second)
    #expect(!first.transcript.lines.isEmpty)
  }

  @Test func thereAreAtLeastFortyKindsOfFaultAndAllOfThemStrike() {
    #expect(Fault.Kind.allCases.count >= 40)
    var kinds: Set<Fault.Kind> = []
    for seed in 0..<1500 { kinds.formUnion(Schedule(seed: seed).faults.map(\.kind)) }
    #expect(kinds == Set(Fault.Kind.allCases))
  }
}
