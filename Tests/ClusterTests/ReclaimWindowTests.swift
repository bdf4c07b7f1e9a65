import Cluster
import Testing

/// M7: a recovery that only tells the clients needs a grace period in which they reclaim.
@Suite("Whether clients that are told now could reclaim (M7)")
struct ReclaimWindowTests {
  private let reserve = ReclaimWindow.reserve(of: .seconds(48), stopTime: .seconds(1))

  @Test func aServerOutsideAGracePeriodRefusesReclaims() throws {
    let window = ReclaimWindow(isServing: true, graceEnded: true, left: .seconds(40))
    #expect(window == .closed)
    #expect(try #require(window.obstacle(reserve: reserve)).contains("no grace period runs here"))
  }

  @Test func aGracePeriodNeedsEnoughOfItLeft() {
    func obstacle(_ left: Duration?) -> String? {
      ReclaimWindow(isServing: true, graceEnded: false, left: left).obstacle(reserve: reserve)
    }
    #expect(reserve == .seconds(12))
    #expect(obstacle(.seconds(12)) == nil)
    #expect(obstacle(.seconds(11))?.contains("11s are left, less than the 12s") == true)
    #expect(obstacle(nil)?.contains("nothing shows since when") == true)
  }

  @Test func whoServesWithoutTheKernelHasAGracePeriodThatNobodySees() {
    for (isServing, graceEnded) in [(false, true), (false, nil), (true, nil)] as [(Bool, Bool?)] {
      let window = ReclaimWindow(isServing: isServing, graceEnded: graceEnded, left: nil)
      #expect(window == .unseen && window.obstacle(reserve: reserve) == nil)
    }
  }

  @Test(
    "A quarter of the grace period, or the time that a withdrawal takes, but never more than half of it",
    arguments: [(48, 1, 12), (48, 20, 20), (48, 40, 24)])
  func reserves(length: Int, stopTime: Int, expected: Int) {
    let reserve = ReclaimWindow.reserve(of: .seconds(length), stopTime: .seconds(stopTime))
    #expect(reserve == .seconds(expected))
  }
}
