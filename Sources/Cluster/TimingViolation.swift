/// A timing that could give a service two owners, or lose a record, and what would do instead.
public struct TimingViolation: Error, Sendable, Equatable, CustomStringConvertible {
  /// What does not hold.
  public enum Rule: Sendable, Equatable {
    /// A period that must be longer than nothing; `margin` and `daemon_stop_grace` may be nothing.
    case range(key: String)
    /// `interval + 2 × store_timeout + stop_time ≤ lease × 0.99 − margin`: an owner whose last two calls to the
    /// store hang still gives its services up before the others may take them.
    case leaseTooShort
    /// `interval ≤ lease ÷ 3`: at least three beats are missed before anybody acts.
    case intervalTooLong
    /// `interval + 2 × store_timeout + stop_time ≤ timeout` of the watchdog: an owner whose last two calls to the store
    /// hang gives its services up in order before its machine is reset.
    case watchdogTooEarly
    /// `store_timeout + 2 × timeout ≤ lease × 0.99 − margin`: the machine is reset before the others may take what it
    /// owned, see ``BeatTimings/leavesTimeForReset(renewedAt:now:)``.
    case watchdogTooLate
    /// `departure_delay > grace_period`: a record outlives the reclaim that may still need it.
    case departureTooEarly
  }

  /// What does not hold.
  public var rule: Rule
  /// The inequality with the actual numbers.
  public var message: String
  /// With the other values left alone, the shortest lease for which every inequality holds; nil where the lease
  /// isn't at fault.
  public var smallestLease: Duration?

  /// ``message``.
  public var description: String { message }

  /// The watchdog's time is at fault, or the lease for it.
  public var isOfWatchdog: Bool {
    [.watchdogTooEarly, .watchdogTooLate, .range(key: Self.watchdogKey)].contains(rule)
  }

  static let watchdogKey = "timeout"
}

extension BeatTimings {
  /// The shortest lease that ``interval``, ``storeTimeout``, ``stopTime`` and ``margin`` allow, in whole
  /// milliseconds.
  public var smallestLease: Duration {
    let usable = 100 - Self.clockErrorPercent
    let byWork = (neededBeforeExpiry + margin) * 100 / usable
    return max(byWork.roundedUpToMilliseconds, (interval * 3).roundedUpToMilliseconds)
  }

  /// Everything that does not hold; empty when the timings are safe.
  public var violations: [TimingViolation] {
    var found: [TimingViolation] = []
    let positive = [
      ("interval", interval), ("store_timeout", storeTimeout), ("lease", lease), ("stop_time", stopTime),
    ]
    for (key, value) in positive where value <= .zero {
      found.append(.outOfRange(key, value, "must be longer than 0"))
    }
    for (key, value) in [("margin", margin), ("daemon_stop_grace", daemonStopGrace)] where value < .zero {
      found.append(.outOfRange(key, value, "must not be negative"))
    }
    guard found.isEmpty else { return found }
    let text = DurationText.text
    let usable = lease * (100 - Self.clockErrorPercent) / 100 - margin
    if neededBeforeExpiry > usable {
      let need =
        "\(text(interval)) + 2 × \(text(storeTimeout)) + \(text(stopTime)) = \(text(neededBeforeExpiry))"
      let have = "\(text(lease)) × 0.99 − \(text(margin)) = \(text(usable))"
      let message =
        "interval + 2 × store_timeout + stop_time ≤ lease × 0.99 − margin does not hold: \(need), but \(have);"
        + " the smallest lease that would do is \(text(smallestLease))"
      found.append(TimingViolation(rule: .leaseTooShort, message: message, smallestLease: smallestLease))
    }
    if interval * 3 > lease {
      let message =
        "interval ≤ lease ÷ 3 does not hold: 3 × \(text(interval)) = \(text(interval * 3)), but lease is"
        + " \(text(lease)); the smallest lease that would do is \(text(smallestLease))"
      found.append(TimingViolation(rule: .intervalTooLong, message: message, smallestLease: smallestLease))
    }
    return found + watchdogViolations(usable)
  }

  private func watchdogViolations(_ usable: Duration) -> [TimingViolation] {
    guard let watchdog else { return [] }
    let text = DurationText.text
    var found: [TimingViolation] = []
    if watchdog <= .zero || watchdog.components.attoseconds != 0 {
      found.append(
        .outOfRange(TimingViolation.watchdogKey, watchdog, "must be whole seconds: devices count those"))
    }
    if neededBeforeExpiry > watchdog {
      let message =
        "interval + 2 × store_timeout + stop_time ≤ self_fence.timeout does not hold: \(text(interval)) + 2 × "
        + "\(text(storeTimeout)) + \(text(stopTime)) = \(text(neededBeforeExpiry)), but the timeout is \(text(watchdog));"
        + " a store that hangs would reset the machine before it has given its services up"
      found.append(TimingViolation(rule: .watchdogTooEarly, message: message))
    }
    let needed = storeTimeout + watchdog * 2
    if needed > usable {
      let percent = 100 - Self.clockErrorPercent
      let smallest = ((needed + margin) * 100 / percent).roundedUpToMilliseconds
      let message =
        "store_timeout + 2 × self_fence.timeout ≤ lease × 0.99 − margin does not hold: \(text(storeTimeout)) + 2 × "
        + "\(text(watchdog)) = \(text(needed)), but \(text(lease)) × 0.99 − \(text(margin)) = \(text(usable)); the"
        + " smallest lease that would do is \(text(smallest))"
      found.append(TimingViolation(rule: .watchdogTooLate, message: message, smallestLease: smallest))
    }
    return found
  }

  /// From the last beat that reached the store to the moment when everything is given up: the next beat is due,
  /// it and its repetition hang, then the services are stopped.
  private var neededBeforeExpiry: Duration { interval + storeTimeout * 2 + stopTime }
}

extension MirrorTimings {
  /// Everything that does not hold; empty when the timings are safe.
  public var violations: [TimingViolation] {
    let positive = [
      ("grace_period", gracePeriod), ("departure_delay", departureDelay), ("burst_window", burstWindow),
      ("rescan", rescan),
    ]
    var found = positive.filter { $0.1 <= .zero }.map { key, value in
      TimingViolation.outOfRange(key, value, "must be longer than 0")
    }
    if burst < 1 {
      found.append(TimingViolation(rule: .range(key: "burst"), message: "burst: \(burst) must be at least 1"))
    }
    if departureDelay <= gracePeriod {
      let message =
        "departure_delay > grace_period does not hold: departure_delay is \(DurationText.text(departureDelay)),"
        + " grace_period is \(DurationText.text(gracePeriod)); a client could still be reclaiming when its record"
        + " is deleted"
      found.append(TimingViolation(rule: .departureTooEarly, message: message))
    }
    return found
  }
}

extension TimingViolation {
  fileprivate static func outOfRange(_ key: String, _ value: Duration, _ reason: String) -> TimingViolation {
    TimingViolation(rule: .range(key: key), message: "\(key): \(DurationText.text(value)) \(reason)")
  }
}
