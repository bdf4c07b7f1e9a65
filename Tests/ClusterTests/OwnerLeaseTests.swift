import Cluster
import Testing

@testable import ClusterSimulator

@Suite("The owner's lease (M8, B5)")
struct OwnerLeaseTests {
  private let timings = BeatTimings()

  @Test func aLeaseThatWasNeverRenewedIsNotHeld() {
    let lease = OwnerLease(timings: timings)
    #expect(lease.giveUpAt == nil)
    #expect(!lease.isHeld(now: at(.zero)))
  }

  @Test func itCountsFromTheSendingOfTheRenewal() {
    var lease = OwnerLease(timings: timings)
    lease.onRenewed(sentAt: at(.seconds(10)))
    // 4 s · 0.99 − 200 ms margin − 1 s to stop
    #expect(lease.giveUpAt == at(milliseconds: 12_760))
    #expect(lease.isHeld(now: at(milliseconds: 12_759)))
    #expect(!lease.isHeld(now: at(milliseconds: 12_760)))
  }

  @Test func anAnswerThatOvertookAnotherDoesNotShortenIt() {
    var lease = OwnerLease(timings: timings)
    lease.onRenewed(sentAt: at(.seconds(10)))
    lease.onRenewed(sentAt: at(.seconds(9)))
    #expect(lease.giveUpAt == at(milliseconds: 12_760))
  }

  @Test("Two renewals that hang fit before the end", arguments: [BeatTimings(), OwnerLeaseTests.tight])
  func twoHangingRenewalsFit(timings: BeatTimings) throws {
    var lease = OwnerLease(timings: timings)
    lease.onRenewed(sentAt: at(.zero))
    let giveUpAt = try #require(lease.giveUpAt)
    #expect(timings.violations.isEmpty)
    #expect(at(timings.interval + timings.storeTimeout * 2) <= giveUpAt)
    #expect(giveUpAt + timings.stopTime <= at(timings.lease * 99 / 100 - timings.margin))
  }

  static var tight: BeatTimings {
    var timings = BeatTimings(
      interval: .milliseconds(40), storeTimeout: .milliseconds(70), lease: .milliseconds(1), margin: .zero,
      stopTime: .milliseconds(35), daemonStopGrace: .zero)
    timings.lease = timings.smallestLease
    return timings
  }

  /// An owner and an observer whose clocks run 1 % apart, one store between them, in true microseconds.
  private struct Duel {
    let timings: BeatTimings
    /// A clock's microseconds per million true ones.
    let ownerRate: Int
    let observerRate: Int
    var numbers: SeededNumbers
    var stored: [UInt8]?
    var counter: UInt64 = 0
    var lease: OwnerLease
    var detector: BeatDetector

    init(seed: Int, timings: BeatTimings) {
      self.timings = timings
      numbers = SeededNumbers(seed: seed)
      // 1 % apart in either direction, or in step.
      let rates = [
        (1_000_000, 1_010_000), (990_000, 1_000_000), (1_010_000, 1_000_000), (1_000_000, 1_000_000),
      ]
      (ownerRate, observerRate) = rates[numbers.number(0...3)]
      lease = OwnerLease(timings: timings)
      detector = BeatDetector(timings: timings, staleness: .zero, now: at(.zero))
    }

    func ownerClock(_ true: Int) -> BootInstant {
      at(.microseconds(`true` * ownerRate / 1_000_000) + .seconds(77))
    }
    func observerClock(_ true: Int) -> BootInstant { at(.microseconds(`true` * observerRate / 1_000_000)) }

    /// The true moments when the owner has stopped, and when the observer may claim.
    mutating func fight() -> (stopped: Int, mayClaim: Int) {
      let timeout = Int(timings.storeTimeout / .microseconds(1))
      let interval = Int(timings.interval / .microseconds(1))
      let stopTime = Int(timings.stopTime / .microseconds(1))
      let cutAt = numbers.number(interval...interval * 40)
      // (when, what): a beat lands, its answer arrives, the observer reads, the observer has the answer.
      enum Event { case land([UInt8]), answer(sentAt: Int), read, seen([UInt8]?) }
      var events: [(at: Int, event: Event)] = [(0, .read)]
      var moment = 0
      while moment < cutAt + interval * 4 {
        counter += 1
        let bytes = Beat(
          instance: DaemonInstance(place: "p", run: "r"), counter: counter,
          leaseMilliseconds: timings.lease.wholeMilliseconds
        ).bytes
        // The first one comes through, or there is nothing to watch.
        let isCut = moment > 0 && (moment >= cutAt || numbers.chance(10))
        let request = numbers.number(0...timeout / 2)
        let answer = request + numbers.number(0...timeout / 2)
        // A call that is cut off may still have happened; the owner does not know.
        if !isCut || numbers.chance(30) { events.append((moment + request, .land(bytes))) }
        if !isCut { events.append((moment + answer, .answer(sentAt: moment))) }
        moment += max(interval, isCut ? timeout : answer) * 1_000_000 / ownerRate
      }
      var mayClaim: Int?
      while mayClaim == nil, let index = events.indices.min(by: { events[$0].at < events[$1].at }) {
        let (now, event) = events.remove(at: index)
        switch event {
        case .land(let bytes): stored = bytes
        case .answer(let sentAt):
          // The owner looks at its lease before anything else; what it gave up stays so here.
          if lease.giveUpAt == nil || lease.isHeld(now: ownerClock(now)) {
            lease.onRenewed(sentAt: ownerClock(sentAt))
          }
        case .read:
          events.append((now + numbers.number(0...timeout), .seen(stored)))
        case .seen(let bytes):
          detector.onLook(bytes, now: observerClock(now))
          if case .dead = detector.verdict { mayClaim = now }
          events.append((now + numbers.number(0...interval), .read))
        }
      }
      guard let giveUpAt = lease.giveUpAt else { return (0, mayClaim ?? 0) }
      let ownTime = Int((giveUpAt - ownerClock(0)) / .microseconds(1))
      return ((ownTime + stopTime) * 1_000_000 / ownerRate, mayClaim ?? .max)
    }
  }

  @Test("The owner has stopped before an observer whose clock is 1 % off may claim", arguments: 0..<4)
  func ownerStopsFirst(part: Int) {
    for seed in part * 500..<(part + 1) * 500 {
      for timings in [BeatTimings(), Self.tight] {
        var duel = Duel(seed: seed, timings: timings)
        let (stopped, mayClaim) = duel.fight()
        #expect(stopped <= mayClaim, "seed \(seed), lease \(timings.lease)")
        // The test can fail: the observer does claim.
        #expect(mayClaim < .max)
      }
    }
  }
}
