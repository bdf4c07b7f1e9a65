import Cluster
import Testing

@Suite("Missed beats, seen by another node (M8, C2)")
struct BeatDetectorTests {
  private let timings = BeatTimings()

  private func beat(_ counter: UInt64, lease: Int = 4000, stopped: Int? = nil) -> [UInt8] {
    Beat(
      instance: DaemonInstance(place: "p", run: "r"), counter: counter, leaseMilliseconds: lease,
      stoppedForMilliseconds: stopped
    ).bytes
  }

  private func detector(staleness: Duration = .zero) -> BeatDetector {
    BeatDetector(timings: timings, staleness: staleness, now: at(.zero))
  }

  /// Looks every half second at a beat that does not change any more.
  private func watch(
    _ detector: inout BeatDetector, _ bytes: [UInt8]?, from start: Int, through end: Int, step: Int = 500
  ) {
    for moment in stride(from: start, through: end, by: step) {
      detector.onLook(bytes, now: at(milliseconds: moment))
    }
  }

  @Test func aNodeThatNeverBeatIsUnknownForEver() {
    var detector = detector()
    #expect(detector.verdict == .unknown)
    watch(&detector, nil, from: 0, through: 600_000)
    #expect(detector.verdict == .unknown)
    #expect(detector.lastChange == nil)
  }

  @Test func whatCannotBeReadIsUnknownHoweverLong() {
    var detector = detector()
    watch(&detector, bytes("rubbish"), from: 0, through: 600_000)
    #expect(detector.verdict == .unknown)
    #expect(detector.observed == bytes("rubbish"))
  }

  @Test func aBeatThatChangesIsAlive() {
    var detector = detector()
    for counter in 0...100 {
      detector.onLook(beat(UInt64(counter)), now: at(milliseconds: counter * 500))
      #expect(detector.verdict == .alive)
    }
    #expect(detector.lastChange == at(milliseconds: 50_000))
  }

  @Test func lateAfterThreeMissedBeatsAndDeadAfterTheLeaseAndNotBefore() {
    var detector = detector()
    var verdicts: [Int: BeatDetector.Verdict] = [:]
    for moment in stride(from: 0, through: 4500, by: 100) {
      detector.onLook(beat(1), now: at(milliseconds: moment))
      verdicts[moment] = detector.verdict
    }
    #expect(verdicts[1400] == .alive)
    #expect(verdicts[1500] == .late(missed: 3))
    #expect(verdicts[3900] == .late(missed: 7))
    #expect(verdicts[4000] == .dead(missed: 8))
    #expect(verdicts[4500] == .dead(missed: 9))
  }

  @Test func oneMoreBeatIsAlive() {
    var detector = detector()
    watch(&detector, beat(1), from: 0, through: 6000)
    #expect(detector.verdict == .dead(missed: 12))
    detector.onLook(beat(2), now: at(milliseconds: 6500))
    #expect(detector.verdict == .alive)
  }

  @Test func aCounterThatWentBackIsABeatToo() {
    var detector = detector()
    watch(&detector, beat(9), from: 0, through: 3500)
    detector.onLook(beat(1), now: at(milliseconds: 4000))
    #expect(detector.verdict == .alive)
  }

  @Test func timeThatPassesWithoutALookMissesNoBeat() {
    var detector = detector()
    watch(&detector, beat(1), from: 0, through: 3500)
    // Ten minutes without an answer of the store, then the same beat.
    detector.onLook(beat(1), now: at(milliseconds: 603_500))
    #expect(detector.verdict == .alive)
  }

  @Test func afterAGapTheNodeGetsAWholeLeaseAgain() {
    var detector = detector()
    watch(&detector, beat(1), from: 0, through: 3500)
    watch(&detector, beat(1), from: 5501, through: 9001)
    #expect(detector.verdict == .late(missed: 7))
    watch(&detector, beat(1), from: 9501, through: 9501)
    #expect(detector.verdict == .dead(missed: 8))
  }

  @Test func halfALeaseBetweenLooksIsNoGap() {
    var detector = detector()
    watch(&detector, beat(1), from: 0, through: 4000, step: 2000)
    #expect(detector.verdict == .dead(missed: 8))
  }

  @Test func aStoreThatIsAwayAllTheTimeKillsNobody() {
    var detector = detector()
    // One look comes through every 2.1 s: each may have followed an outage that kept the node from beating.
    watch(&detector, beat(1), from: 0, through: 210_000, step: 2100)
    #expect(detector.verdict == .alive)
  }

  @Test func theFirstLookBeginsTheLeaseHoweverOldTheBeatIs() {
    var detector = detector()
    watch(&detector, beat(1), from: 100_000, through: 103_500)
    #expect(detector.verdict == .late(missed: 7))
    detector.onLook(beat(1), now: at(milliseconds: 104_000))
    #expect(detector.verdict == .dead(missed: 8))
  }

  @Test func aStoppedDaemonIsGivenItsTimeAndIsDeadAfterIt() {
    var detector = detector()
    detector.onLook(beat(1), now: at(.zero))
    watch(&detector, beat(2, stopped: 30_000), from: 500, through: 34_000)
    #expect(detector.verdict == .stopped)
    detector.onLook(beat(2, stopped: 30_000), now: at(milliseconds: 34_500))
    #expect(detector.verdict == .dead(missed: 68))
  }

  @Test func aDaemonStoppedWithoutGraceIsStoppedUntilTheLeaseEnds() {
    var detector = detector()
    watch(&detector, beat(1, stopped: 0), from: 0, through: 3500)
    #expect(detector.verdict == .stopped)
    detector.onLook(beat(1, stopped: 0), now: at(milliseconds: 4000))
    #expect(detector.verdict == .dead(missed: 8))
  }

  @Test func aLongerLeaseInTheBeatHolds() {
    var detector = detector()
    watch(&detector, beat(1, lease: 10_000), from: 0, through: 9500)
    #expect(detector.verdict == .late(missed: 19))
    detector.onLook(beat(1, lease: 10_000), now: at(milliseconds: 10_000))
    #expect(detector.verdict == .dead(missed: 20))
  }

  @Test func aShorterLeaseInTheBeatDoesNot() {
    var detector = detector()
    watch(&detector, beat(1, lease: 1), from: 0, through: 3500)
    #expect(detector.verdict == .late(missed: 7))
  }

  @Test func stalenessOfTheStoreIsWaitedForOnTop() {
    var detector = detector(staleness: .seconds(60))
    watch(&detector, beat(1), from: 0, through: 63_500)
    #expect(detector.verdict == .late(missed: 127))
    detector.onLook(beat(1), now: at(milliseconds: 64_000))
    #expect(detector.verdict == .dead(missed: 128))
  }

  @Test func aDeletedBeatIsNoDeath() {
    var detector = detector()
    watch(&detector, beat(1), from: 0, through: 6000)
    watch(&detector, nil, from: 6500, through: 60_000)
    #expect(detector.verdict == .unknown)
    #expect(detector.observed == nil)
  }

  @Test func hostileLengthsDoNotTrap() {
    var detector = detector(staleness: .seconds(86_400))
    watch(&detector, beat(1, lease: 86_400_000, stopped: 86_400_000), from: 0, through: 6000)
    #expect(detector.verdict == .stopped)
  }
}
