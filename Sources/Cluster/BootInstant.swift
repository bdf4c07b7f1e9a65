/// A moment on this machine's boot clock (CLOCK_BOOTTIME): it goes on during suspend and never steps.
///
/// Comparable with instants of the same boot of the same machine only.
public struct BootInstant: Hashable, Comparable, Sendable {
  /// Time since boot.
  public let sinceBoot: Duration

  /// The moment `sinceBoot` after boot.
  public init(sinceBoot: Duration) {
    self.sinceBoot = sinceBoot
  }

  /// `left` came before `right`.
  public static func < (left: BootInstant, right: BootInstant) -> Bool { left.sinceBoot < right.sinceBoot }

  /// The moment `duration` later.
  public static func + (instant: BootInstant, duration: Duration) -> BootInstant {
    BootInstant(sinceBoot: instant.sinceBoot + duration)
  }

  /// The moment `duration` earlier.
  public static func - (instant: BootInstant, duration: Duration) -> BootInstant {
    BootInstant(sinceBoot: instant.sinceBoot - duration)
  }

  /// The time from `earlier` to `later`.
  public static func - (later: BootInstant, earlier: BootInstant) -> Duration {
    later.sinceBoot - earlier.sinceBoot
  }
}

extension Duration {
  /// Whole milliseconds, rounded down.
  public var wholeMilliseconds: Int {
    let (seconds, attoseconds) = components
    return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
  }
}
