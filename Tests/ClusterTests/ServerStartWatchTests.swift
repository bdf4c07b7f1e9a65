import Testing

@testable import Cluster

/// Whoever restarts the NFS server of an owner takes its clients' locks, and tells nobody.
@Suite("Noticing that somebody has restarted the NFS server (M7)")
struct ServerStartWatchTests {
  private func look(
    _ watch: inout ServerStartWatch, _ second: Int, serving: Bool? = true, grace: Bool = false,
    lockd: Int? = nil
  ) -> ServerStartWatch.Start? {
    watch.onSight(
      .init(
        isServing: serving, isInGrace: grace, lockManagerStart: lockd.map { at(.seconds($0)) },
        asked: at(.seconds(second))))
  }

  @Test func aServerThatGoesOnWasNotRestarted() {
    var watch = ServerStartWatch()
    for second in 1...5 { #expect(look(&watch, second) == nil) }
    #expect(watch.graceLeft(of: .seconds(90), now: at(.seconds(6))) == nil)
  }

  @Test func aGracePeriodAfterNoneShowsARestartHoweverQuickItWas() {
    var watch = ServerStartWatch()
    _ = look(&watch, 1)
    #expect(look(&watch, 2, grace: true) == .init(after: at(.seconds(1)), by: at(.seconds(2))))
    #expect(look(&watch, 3, grace: true) == nil)
    // It can't have begun before the last look that saw none.
    #expect(watch.graceLeft(of: .seconds(90), now: at(.seconds(11))) == .seconds(80))
  }

  @Test func aServerThatWasAwayForAWhileIsSeenToo() {
    var watch = ServerStartWatch()
    _ = look(&watch, 1)
    #expect(look(&watch, 2, serving: false) == nil)
    #expect(look(&watch, 3, serving: false, grace: true) == nil)
    #expect(look(&watch, 4, grace: true) == .init(after: at(.seconds(2)), by: at(.seconds(4))))
  }

  @Test func aSecondRestartWithinTheGracePeriodShowsInANewLockManager() {
    var watch = ServerStartWatch()
    _ = look(&watch, 1, lockd: 0)
    _ = look(&watch, 10, grace: true, lockd: 9)
    #expect(look(&watch, 11, grace: true, lockd: 9) == nil)
    // It can't be seen for a moment.
    #expect(look(&watch, 12, grace: true) == nil)
    #expect(look(&watch, 20, grace: true, lockd: 19) == .init(after: at(.seconds(19)), by: at(.seconds(20))))
  }

  @Test func theFirstSightOfAGracePeriodIsAStartSinceItsLockManagerIsThere() {
    var watch = ServerStartWatch()
    #expect(look(&watch, 30, grace: true, lockd: 12) == .init(after: at(.seconds(12)), by: at(.seconds(12))))
    var blind = ServerStartWatch()
    #expect(look(&blind, 30, grace: true) == nil)
  }

  @Test func aNamespaceThatIsMadeAnewIsNoRestart() {
    var watch = ServerStartWatch()
    _ = look(&watch, 1)
    #expect(look(&watch, 2, serving: nil) == nil)
    #expect(look(&watch, 3, grace: true) == nil)
  }
}
