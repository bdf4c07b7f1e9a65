/// How many questions may be without answer at once, learnt from what comes back.
///
/// Answers widen the window, so that it doubles with every round trip; an overflow of our own receive buffer narrows
/// it, and so does a round of which nearly all was lost. Other loss does not: a network that loses half of everything
/// is no reason to be slow, as waiting does not make it lose less, and repetitions wait longer each time anyway.
struct NotificationPace: Sendable, Equatable {
  static let narrowest = 64
  /// However much is lost: so many small datagrams within a fifth of a second are no burden to any network.
  static let narrowestByLoss = 256
  static let widest = 8_192
  /// So many answers one after the other that came only after a repetition: the wait is shorter than the way.
  private static let mostUnclear = 32
  private static let mostPatience = 8

  private(set) var window = 256
  /// Sent and neither answered nor given up.
  private(set) var outstanding = 0
  private var answered = 0
  private var lost = 0
  /// Until this many results more, an overflow does not narrow again: they are of the same burst.
  private var deafness = 0

  /// The shortest of these waits for an answer, as round trips teach it.
  private(set) var roundTrip: Duration?
  private var variation = Duration.zero
  /// Times the wait, while no answer comes within it (RFC 6298, section 5.5).
  private var patience = 1
  private var unclear = 0

  var room: Int { max(window - outstanding, 0) }

  mutating func onSent() { outstanding += 1 }

  mutating func onAnswered(afterFirst wait: Duration?) {
    settle(1)
    answered += 1
    // Otherwise it can't be told which of the attempts was answered (Karn and Partridge, 1987).
    if let wait { learn(wait) } else { doubt() }
    // Three of five may be lost.
    if lost * 2 <= answered * 3 { window = min(window + 1, Self.widest) }
    endRound()
  }

  /// An answer came to a question that was given up and not repeated: it was not lost, the wait was too short.
  mutating func onLate(after wait: Duration) {
    lost = max(lost - 1, 0)
    answered += 1
    learn(wait)
  }

  /// `count` questions have got no answer; `counts` where the client is known to be there and was asked the first
  /// time. Of the others nobody knows whether the network lost anything: dead clients must not slow the living.
  mutating func onLost(_ count: Int, counts: Bool) {
    settle(count)
    guard counts else { return }
    lost += count
    endRound()
  }

  /// `count` questions don't matter any more.
  mutating func onForgotten(_ count: Int) { settle(count) }

  /// The kernel had no room for answers.
  mutating func onOverflow() {
    guard deafness == 0 else { return }
    window = max(window / 2, Self.narrowest)
    deafness = window
    answered = 0
    lost = 0
  }

  /// How long to wait for an answer to the first of several attempts.
  func wait(_ timings: NotificationTimings) -> Duration {
    guard let roundTrip else { return timings.firstWait * patience }
    return max(roundTrip + variation * 4, timings.shortestWait) * patience
  }

  private mutating func settle(_ count: Int) {
    outstanding = max(outstanding - count, 0)
    deafness = max(deafness - count, 0)
  }

  private mutating func endRound() {
    guard answered + lost >= window else { return }
    // More than four of five were lost.
    if lost > answered * 4 { window = max(window / 2, min(window, Self.narrowestByLoss)) }
    answered = 0
    lost = 0
  }

  /// Without this, a way longer than the wait would never be learnt: each answer would be ambiguous.
  private mutating func doubt() {
    unclear += 1
    guard unclear == Self.mostUnclear else { return }
    unclear = 0
    patience = min(patience * 2, Self.mostPatience)
  }

  /// Smoothed round trip and its variation (RFC 6298, section 2).
  private mutating func learn(_ wait: Duration) {
    unclear = 0
    patience = 1
    guard let smooth = roundTrip else {
      roundTrip = wait
      variation = wait / 2
      return
    }
    let difference = wait > smooth ? wait - smooth : smooth - wait
    variation = (variation * 3 + difference) / 4
    roundTrip = (smooth * 7 + wait) / 8
  }
}
