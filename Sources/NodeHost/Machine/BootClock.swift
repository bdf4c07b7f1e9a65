import CLinux

/// The time since this machine booted, including sleep; never set back (CLOCK_BOOTTIME).
public struct BootClock: Sendable {
  /// Now.
  public static var now: Duration { .nanoseconds(lfh_boot_nanoseconds()) }
}

extension Duration {
  /// Whole nanoseconds, at most 292 years of them.
  var wholeNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    if overflow { return seconds < 0 ? .min : .max }
    let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
    return carry ? (seconds < 0 ? .min : .max) : sum
  }

  /// For poll(2): milliseconds rounded up, 0 to one minute.
  var pollMilliseconds: Int32 {
    let nanoseconds = wholeNanoseconds
    if nanoseconds <= 0 { return 0 }
    if nanoseconds >= 60_000_000_000 { return 60_000 }
    return Int32((nanoseconds + 999_999) / 1_000_000)
  }
}
