import Testing

@testable import StatusMonitor

/// B2: how many questions may be without answer at once.
@Suite struct NotificationPaceTests {
  private let timings = NotificationTimings(gracePeriod: .seconds(50), limit: .seconds(900))

  /// A round: the window is filled, and this share of it is answered after `wait`.
  private func round(_ pace: inout NotificationPace, answered share: Double, wait: Duration? = nil) {
    let count = pace.room
    for _ in 0..<count { pace.onSent() }
    #expect(pace.room == 0)
    let answers = Int(Double(count) * share)
    for _ in 0..<answers { pace.onAnswered(afterFirst: wait) }
    pace.onLost(count - answers, counts: true)
    #expect(pace.outstanding == 0)
  }

  @Test("B2 with every answer the window doubles each round, up to its greatest width")
  func grows() {
    var pace = NotificationPace()
    let first = pace.window
    round(&pace, answered: 1)
    #expect(pace.window == 2 * first)
    for _ in 0..<10 { round(&pace, answered: 1) }
    #expect(pace.window == NotificationPace.widest)
  }

  @Test("B2 a network that loses nearly everything narrows it, not below what no network minds")
  func narrows() {
    var pace = NotificationPace()
    for _ in 0..<5 { round(&pace, answered: 1) }
    for _ in 0..<20 { round(&pace, answered: 0.1) }
    #expect(pace.window >= NotificationPace.narrowestByLoss)
    #expect(pace.window < NotificationPace.narrowestByLoss * 2)
  }

  @Test("B2 a network that loses half of everything widens it all the same")
  func losesHalf() {
    var pace = NotificationPace()
    for _ in 0..<40 { round(&pace, answered: 0.49) }
    #expect(pace.window > 2_000)
  }

  @Test("B2 loss does not widen what an overflow has narrowed")
  func overflowThenLoss() {
    var pace = NotificationPace()
    for _ in 0..<6 {
      pace.onOverflow()
      round(&pace, answered: 1 / 16)
    }
    #expect(pace.window < NotificationPace.narrowestByLoss)
  }

  @Test("B2 an overflow halves it once, however often the kernel reports the same burst")
  func overflow() {
    var pace = NotificationPace()
    for _ in 0..<3 { round(&pace, answered: 1) }
    let window = pace.window
    for _ in 0..<50 { pace.onOverflow() }
    #expect(pace.window == window / 2)
    round(&pace, answered: 1)
    pace.onOverflow()
    #expect(pace.window < window)
    for _ in 0..<50 {
      pace.onOverflow()
      round(&pace, answered: 1)
    }
    #expect(pace.window >= NotificationPace.narrowest)
  }

  @Test("B2 the wait follows the round trips, within bounds")
  func wait() {
    var pace = NotificationPace()
    #expect(pace.wait(timings) == .milliseconds(500))
    for _ in 0..<200 {
      pace.onSent()
      pace.onAnswered(afterFirst: .milliseconds(1))
    }
    #expect(pace.wait(timings) == timings.shortestWait)
    for _ in 0..<200 {
      pace.onSent()
      pace.onAnswered(afterFirst: .milliseconds(450))
    }
    #expect(pace.wait(timings) > .milliseconds(450))
    #expect(pace.wait(timings) < .milliseconds(600))
  }

  @Test("B2 while every answer comes only after a repetition the wait grows; a clear one teaches it")
  func doubt() {
    var pace = NotificationPace()
    for _ in 0..<500 {
      pace.onSent()
      pace.onAnswered(afterFirst: nil)
    }
    #expect(pace.wait(timings) == .seconds(4))
    pace.onSent()
    pace.onLost(1, counts: true)
    pace.onLate(after: .milliseconds(800))
    #expect(pace.wait(timings) > .milliseconds(800))
    #expect(pace.wait(timings) < .milliseconds(2_500))
  }

  @Test("more results than questions do no harm")
  func unasked() {
    var pace = NotificationPace()
    pace.onForgotten(3)
    pace.onLost(3, counts: true)
    pace.onAnswered(afterFirst: nil)
    #expect(pace.outstanding == 0)
    #expect(pace.room == pace.window)
  }
}
