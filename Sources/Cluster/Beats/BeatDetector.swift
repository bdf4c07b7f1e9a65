/// Watches one other node's beat through the store and says whether the node is dead.
///
/// Only looks that succeeded count: while the store can't be read nobody misses a beat, and after such a gap
/// the node gets a whole lease again, for the gap may have kept it from beating (a store's trouble is not a
/// node's death).
public struct BeatDetector: Sendable {
  /// What the looks so far say.
  public enum Verdict: Sendable, Equatable {
    /// No beat was ever seen.
    case unknown
    /// Beating.
    case alive
    /// This many beats missed, not yet dead.
    case late(missed: Int)
    /// No change for the whole lease.
    case dead(missed: Int)
    /// Its daemon was stopped on purpose, and the time that this may take is not over.
    case stopped
  }

  private let timings: BeatTimings
  private let staleness: Duration
  private var lastBytes: [UInt8]?
  private var lastBeat: Beat?
  private var changedAt: BootInstant
  private var lookedAt: BootInstant
  /// Since when it beats without a break that was seen, by this node's clock; nil while it does not.
  public private(set) var aliveSince: BootInstant?

  /// - Parameters:
  ///   - timings: this node's own; where the beat carries a longer lease that one holds.
  ///   - staleness: how long the store may show an old value.
  ///   - now: when watching begins; a node that never beats is ``Verdict/unknown`` however long.
  public init(timings: BeatTimings, staleness: Duration, now: BootInstant) {
    self.timings = timings
    self.staleness = staleness
    changedAt = now
    lookedAt = now
  }

  /// What the store holds now; `now` is when the answer was there.
  public mutating func onLook(_ bytes: [UInt8]?, now: BootInstant) {
    let isAfterGap = now - lookedAt > longestGap
    if bytes != lastBytes {
      lastBytes = bytes
      lastBeat = bytes.flatMap(Beat.init(bytes:))
      changedAt = now
    } else if isAfterGap {
      changedAt = now
    }
    lookedAt = now
    aliveSince = verdict == .alive ? (isAfterGap ? now : aliveSince ?? now) : nil
  }

  /// What the looks so far say.
  public var verdict: Verdict {
    guard let lastBeat else { return .unknown }
    let silence = lookedAt - changedAt
    if silence < timings.interval, silence < patience {
      return lastBeat.stoppedForMilliseconds == nil ? .alive : .stopped
    }
    let missed = Int(silence / timings.interval)
    if silence >= patience || missed >= 3 && timings.has(.lateIsDead) { return .dead(missed: missed) }
    if lastBeat.stoppedForMilliseconds != nil { return .stopped }
    return missed >= 3 ? .late(missed: missed) : .alive
  }

  /// The beat's bytes at the last look, to be compared in a claim.
  public var observed: [UInt8]? { lastBytes }

  /// When the beat last changed, by this node's clock; nil where none was ever seen.
  public var lastChange: BootInstant? { lastBeat == nil ? nil : changedAt }

  /// The last beat, where it could be read.
  public var beat: Beat? { lastBeat }

  private var patience: Duration {
    let promised = Duration.milliseconds(lastBeat?.leaseMilliseconds ?? 0)
    let stopped = Duration.milliseconds(lastBeat?.stoppedForMilliseconds ?? 0)
    return max(timings.lease, promised) + stopped + (timings.has(.stalenessIsForgotten) ? .zero : staleness)
  }

  private var longestGap: Duration { max(timings.lease / 2, timings.interval * 2) }
}

extension BeatDetector {
  /// No change for the whole lease, whatever the last beat said of stopping.
  var isSilentForALease: Bool {
    if case .dead = verdict { true } else { false }
  }
}
