import Testing

@testable import Cluster

@Suite("The machine's own watchdog (B5)")
struct SelfFenceTests {
  /// 1 s + 2 × 4 s ≤ 10 s × 0.99 − 200 ms
  private let timings = BeatTimings(lease: .seconds(10), watchdog: .seconds(4))

  @Test func aNodeThatOwnsNothingLeavesTheDeviceAlone() {
    var fence = SelfFence(timings: timings)
    #expect(fence.onOwning(false, now: at(.zero)) == [])
    #expect(fence.onRenewed(sentAt: at(.zero), now: at(.zero)) == [])
    #expect(!fence.isArmed)
  }

  @Test func itIsArmedBeforeAnythingRunsAndFedByRenewalsAlone() {
    var fence = SelfFence(timings: timings)
    #expect(fence.onRenewed(sentAt: at(.seconds(1)), now: at(milliseconds: 1_010)) == [])
    #expect(fence.onOwning(true, now: at(milliseconds: 1_300)) == [.arm])
    // As long as that is under way nothing else is asked for.
    #expect(fence.onOwning(true, now: at(milliseconds: 1_310)) == [])
    #expect(!fence.isArmed)
    #expect(fence.onArmed(now: at(milliseconds: 1_320)) == [])
    #expect(fence.isArmed)
    #expect(fence.onOwning(true, now: at(milliseconds: 1_400)) == [])
    #expect(
      fence.onRenewed(sentAt: at(milliseconds: 1_500), now: at(milliseconds: 1_520))
        == [.feed(renewedAt: at(milliseconds: 1_500))])
  }

  /// Its beats reach the store, and still another node may serve what it can't let go of.
  @Test func whatIsNotGivenUpInTimeIsAReasonNotToFeed() {
    var fence = SelfFence(timings: timings, isArmed: true)
    #expect(fence.onRenewed(sentAt: at(.zero), isOverdue: true, now: at(.zero)) == [])
    #expect(fence.onOwning(true, now: at(.zero)) == [])
    // It is gone in the end, and other services are served on.
    #expect(
      fence.onRenewed(sentAt: at(.seconds(1)), now: at(.seconds(1))) == [.feed(renewedAt: at(.seconds(1)))])
  }

  @Test func itWaitsForARenewalThatIsYoungEnough() {
    var fence = SelfFence(timings: timings)
    // Never renewed, then renewed 1.8 s ago: 1.8 + 2 × 4 > 9.7.
    #expect(fence.onOwning(true, now: at(.zero)) == [])
    #expect(fence.onRenewed(sentAt: at(.zero), now: at(milliseconds: 1_800)) == [])
    #expect(fence.onRenewed(sentAt: at(.seconds(2)), now: at(milliseconds: 3_700)) == [.arm])
  }

  @Test func itIsDisarmedOnlyWhenNothingIsOwnedAnyMore() {
    var fence = SelfFence(timings: timings)
    _ = fence.onRenewed(sentAt: at(.zero), now: at(.zero))
    _ = fence.onOwning(true, now: at(.zero))
    _ = fence.onArmed(now: at(.zero))
    #expect(fence.onOwning(false, now: at(.seconds(1))) == [.disarm])
    // It comes back meanwhile: armed again, not before it is stopped.
    #expect(fence.onOwning(true, now: at(.seconds(1))) == [])
    #expect(fence.onDisarmed(now: at(milliseconds: 1_010)) == [.arm])
    // It goes while that is under way.
    #expect(fence.onOwning(false, now: at(milliseconds: 1_020)) == [])
    #expect(fence.onArmed(now: at(milliseconds: 1_030)) == [.disarm])
    #expect(fence.onDisarmed(now: at(milliseconds: 1_040)) == [])
    #expect(!fence.isArmed)
  }

  /// A daemon that comes back feeds what its forerunner left counting, or stops it where nothing is left to own.
  @Test func whatTheDaemonBeforeLeftCountingIsTakenOn() {
    var fence = SelfFence(timings: timings, isArmed: true)
    #expect(fence.onRenewed(sentAt: at(.zero), now: at(.zero)) == [.feed(renewedAt: at(.zero))])
    #expect(fence.onOwning(false, now: at(.seconds(1))) == [.disarm])
  }

  /// However late it is fed, and even if the process is killed at the last moment by which the kernel feeds it once more,
  /// the reset comes before anybody else may claim.
  @Test(arguments: Array(stride(from: 0, through: 10_000, by: 50)))
  func aResetComesBeforeTheLeaseEnds(milliseconds: Int) throws {
    let watchdog = try #require(timings.watchdog)
    let fed = at(milliseconds: milliseconds)
    guard timings.leavesTimeForReset(renewedAt: at(.zero), now: fed) else { return }
    let killed = fed + watchdog
    #expect(killed + watchdog <= at(timings.lease * 99 / 100))
  }

  /// The lease of an owner with a device ends before that resets the machine, so that a store that is away costs its
  /// services and not the machine.
  @Test func anOwnerHasGivenUpBeforeItsMachineIsReset() throws {
    var lease = OwnerLease(timings: timings)
    lease.onRenewed(sentAt: at(.seconds(5)))
    let giveUpAt = try #require(lease.giveUpAt)
    #expect(giveUpAt == at(.seconds(8)))
    // The device was fed at the sending of that renewal at the earliest.
    #expect(giveUpAt + timings.stopTime <= at(.seconds(5)) + .seconds(4))
    #expect(at(.seconds(5)) + timings.interval + timings.storeTimeout * 2 <= giveUpAt)
  }

  @Test func timesThatWouldNotHoldAreRefused() throws {
    #expect(timings.violations.isEmpty)
    let early = BeatTimings(lease: .seconds(10), watchdog: .seconds(3)).violations
    #expect(early.map(\.rule) == [.watchdogTooEarly])
    #expect(early[0].message.contains("500ms + 2 × 1s + 1s = 3500ms, but the timeout is 3s"))
    let late = BeatTimings(lease: .seconds(9), watchdog: .seconds(4)).violations
    #expect(late.map(\.rule) == [.watchdogTooLate])
    #expect(late[0].message.contains("1s + 2 × 4s = 9s, but 9s × 0.99 − 200ms = 8710ms"))
    let smallest = try #require(late[0].smallestLease)
    #expect(BeatTimings(lease: smallest, watchdog: .seconds(4)).violations.isEmpty)
    #expect(!BeatTimings(lease: smallest - .milliseconds(1), watchdog: .seconds(4)).violations.isEmpty)
    #expect(
      BeatTimings(lease: .seconds(20), watchdog: .milliseconds(4500)).violations.map(\.rule)
        == [.range(key: "timeout")])
  }

  @Test func afterAnOrderlyStopItCountsAsLongAsTheOthersWait() {
    #expect(timings.watchdogAfterStop == .seconds(33))
    var quick = timings
    quick.daemonStopGrace = .zero
    #expect(quick.watchdogAfterStop == .seconds(4))
    #expect(BeatTimings().watchdogAfterStop == nil)
  }
}
