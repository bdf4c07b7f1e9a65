/// Whether this node's own loop ran when it was due. A node that was held up, by a swapping machine or a hung disk,
/// is the wrong one to take more upon itself, and what it knows of the others is old.
struct LoopLag: Sendable {
  private let timings: BeatTimings
  private var lastTick: BootInstant?
  private var late: (at: BootInstant, by: Duration)?
  /// How much later than it was due the last tick came.
  private(set) var last = Duration.zero
  /// How often it came so late that this node takes nothing upon itself for a while.
  private(set) var timesLate = 0

  init(timings: BeatTimings) {
    self.timings = timings
  }

  /// What a slow store explains is not late: a tick waits for a renewal and a look.
  private var longestPause: Duration { max(timings.interval + timings.storeTimeout * 2, timings.lease / 2) }

  mutating func onTick(now: BootInstant) {
    if let lastTick, now - lastTick > longestPause {
      late = (now, now - lastTick - timings.interval)
      timesLate += 1
    }
    last = lastTick.map { max(now - $0 - timings.interval, .zero) } ?? .zero
    lastTick = now
  }

  /// Why not, for a lease after it was late.
  func reason(now: BootInstant) -> String? {
    guard let late, now - late.at < timings.lease else { return nil }
    return "its own loop was late by \(DurationText.text(late.by.roundedUpToMilliseconds))"
  }
}
