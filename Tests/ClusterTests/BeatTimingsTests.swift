import Cluster
import Testing

@Suite("The timings that a node file may say (M8)")
struct BeatTimingsTests {
  private func rules(_ timings: BeatTimings) -> [TimingViolation.Rule] { timings.violations.map(\.rule) }

  @Test func theDefaultsHoldAndNoticeADeadOwnerWithinFiveSeconds() {
    #expect(BeatTimings().violations.isEmpty)
    #expect(MirrorTimings().violations.isEmpty)
    #expect(BeatTimings().lease + BeatTimings().interval < .seconds(5))
  }

  @Test func aLeaseThatAnOwnerCouldOutliveIsRefusedWithTheNumbersAndTheSmallestLease() throws {
    let violation = try #require(BeatTimings(lease: .seconds(3)).violations.first)
    #expect(violation.rule == .leaseTooShort)
    #expect(violation.message.contains("500ms + 2 × 1s + 1s = 3500ms, but 3s × 0.99 − 200ms = 2770ms"))
    #expect(violation.message.contains("the smallest lease that would do is 3738ms"))
    #expect(violation.smallestLease == .milliseconds(3738))
  }

  @Test(
    "The smallest lease is safe and a millisecond less is not",
    arguments: [
      BeatTimings(),
      BeatTimings(interval: .seconds(5), storeTimeout: .milliseconds(10), stopTime: .milliseconds(10)),
      BeatTimings(interval: .milliseconds(333), storeTimeout: .milliseconds(777), margin: .zero),
      BeatTimings(interval: .milliseconds(10), storeTimeout: .milliseconds(10), stopTime: .milliseconds(10)),
      BeatTimings(margin: .seconds(60)), BeatTimings(interval: .seconds(60)),
    ])
  func smallestLeaseIsTight(timings: BeatTimings) {
    var timings = timings
    timings.lease = timings.smallestLease
    #expect(timings.violations.isEmpty)
    timings.lease -= .milliseconds(1)
    #expect(!timings.violations.isEmpty)
  }

  @Test func fewerThanThreeMissedBeatsAreRefused() {
    let timings = BeatTimings(
      interval: .milliseconds(1500), storeTimeout: .milliseconds(10), lease: .seconds(4),
      margin: .zero, stopTime: .milliseconds(10))
    #expect(rules(timings) == [.intervalTooLong])
    #expect(timings.violations[0].message.contains("3 × 1500ms = 4500ms, but lease is 4s"))
    #expect(timings.smallestLease == .milliseconds(4500))
  }

  @Test func whatIsNoPeriodIsRefused() {
    #expect(rules(BeatTimings(interval: .zero)) == [.range(key: "interval")])
    #expect(rules(BeatTimings(storeTimeout: .seconds(-1))) == [.range(key: "store_timeout")])
    #expect(rules(BeatTimings(lease: .zero)) == [.range(key: "lease")])
    #expect(rules(BeatTimings(stopTime: .zero)) == [.range(key: "stop_time")])
    #expect(rules(BeatTimings(margin: .seconds(-1))) == [.range(key: "margin")])
    #expect(rules(BeatTimings(daemonStopGrace: .seconds(-1))) == [.range(key: "daemon_stop_grace")])
    #expect(rules(BeatTimings(margin: .zero, daemonStopGrace: .zero)) == [])
  }

  @Test func aRecordOutlivesTheGracePeriod() {
    let equal = MirrorTimings(gracePeriod: .seconds(50), departureDelay: .seconds(50))
    #expect(equal.violations.map(\.rule) == [.departureTooEarly])
    #expect(equal.violations[0].message.contains("departure_delay is 50s, grace_period is 50s"))
    #expect(
      MirrorTimings(gracePeriod: .seconds(50), departureDelay: .milliseconds(50_001)).violations.isEmpty)
    #expect(MirrorTimings(burst: 0).violations.map(\.rule) == [.range(key: "burst")])
    #expect(MirrorTimings(rescan: .zero).violations.map(\.rule) == [.range(key: "rescan")])
  }
}

@Suite("Durations as operators write them")
struct DurationTextTests {
  @Test(arguments: [
    ("500ms", Duration.milliseconds(500)), ("1.5s", .milliseconds(1500)), ("0s", .zero),
    ("2m", .seconds(120)),
    ("1h", .seconds(3600)), ("0.5ms", .microseconds(500)), ("999999999h", .seconds(3600 * 999_999_999)),
    ("0.000001ms", .nanoseconds(1)), ("007s", .seconds(7)), ("0.999999999h", .nanoseconds(3_599_999_996_400)),
  ])
  func reads(text: String, duration: Duration) throws {
    #expect(try DurationText.parse(text) == duration)
    #expect(try DurationText.parse(DurationText.text(duration)) == duration)
  }

  @Test(arguments: [
    ("5", DurationText.Refusal.missingUnit), ("5x", .unknownUnit("x")), ("5 s", .unknownUnit(" s")),
    ("", .notANumber), ("s", .notANumber), ("-5s", .notANumber), ("+5s", .notANumber), ("5.s", .notANumber),
    (".5s", .notANumber), ("1e3s", .unknownUnit("e3s")), ("5S", .unknownUnit("S")), ("1.5", .missingUnit),
    ("1m30s", .unknownUnit("m30s")), ("9999999999s", .notANumber), ("1.0000000000s", .notANumber),
    ("٥s", .notANumber),
  ])
  func refuses(text: String, refusal: DurationText.Refusal) {
    #expect(throws: refusal) { try DurationText.parse(text) }
  }

  @Test(arguments: [
    (Duration.seconds(90), "90s"), (.seconds(120), "2m"), (.milliseconds(1500), "1500ms"), (.zero, "0s"),
    (.microseconds(1500), "1.5ms"), (.nanoseconds(1), "0.000001ms"), (.seconds(-5), "-5s"),
    (.seconds(7200), "2h"),
  ])
  func writes(duration: Duration, text: String) { #expect(DurationText.text(duration) == text) }
}
