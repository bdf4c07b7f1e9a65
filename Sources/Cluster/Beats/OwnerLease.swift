/// The owner's own view of how long it may go on serving, held pessimistically.
///
/// Counted from the moment a renewal was sent, not from its answer: the others may have seen it as early as
/// that. By ``giveUpAt`` the owner begins to stop, so that it has stopped before anybody else may start.
public struct OwnerLease: Sendable, Equatable {
  private let timings: BeatTimings
  /// When the last renewal that succeeded was sent.
  private(set) var renewalSentAt: BootInstant?

  /// A lease that was never renewed.
  public init(timings: BeatTimings) {
    self.timings = timings
  }

  /// A renewal that succeeded was sent at `sentAt`.
  public mutating func onRenewed(sentAt: BootInstant) {
    renewalSentAt = max(renewalSentAt ?? sentAt, sentAt)
  }

  /// When the owner must begin to stop; nil where it was never renewed.
  public var giveUpAt: BootInstant? {
    renewalSentAt.map { $0 + timings.usableLease - timings.stopTime }
  }

  /// The owner may serve now.
  public func isHeld(now: BootInstant) -> Bool {
    giveUpAt.map { now < $0 } ?? false
  }
}

extension BeatTimings {
  /// What of the lease may be used though clocks run apart by ``clockErrorPercent``.
  public var safeLease: Duration { lease * (100 - Self.clockErrorPercent) / 100 - margin }
}
