internal import Cluster

/// Reading of `beats:`, `mirror:` and `callout:` with the inequalities between their values.
enum NodeFileTimings {
  private static let minute = Duration.seconds(60)
  private static let hour = Duration.seconds(3600)

  /// `beats:`; the defaults where it is missing. `watchdog` is ``BeatTimings/watchdog``.
  static func beats(_ file: NodeFileSection, watchdog: Duration?) -> BeatTimings? {
    var timings = BeatTimings()
    timings.watchdog = watchdog
    guard let value = file.optional("beats") else { return checked(timings, file) }
    let keys = ["interval", "store_timeout", "lease", "margin", "stop_time", "daemon_stop_grace"]
    guard let section = value.section(known: keys) else { return nil }
    let isRead = [
      read(section, "interval", .milliseconds(10)...minute, into: &timings.interval),
      read(section, "store_timeout", .milliseconds(10)...minute, into: &timings.storeTimeout),
      read(section, "lease", .milliseconds(100)...hour, into: &timings.lease),
      read(section, "margin", .zero...minute, into: &timings.margin),
      read(section, "stop_time", .milliseconds(10)...(minute * 10), into: &timings.stopTime),
      read(section, "daemon_stop_grace", .zero...hour, into: &timings.daemonStopGrace),
    ].allSatisfy { $0 }
    return isRead ? checked(timings, file) : nil
  }

  private static func checked(_ timings: BeatTimings, _ file: NodeFileSection) -> BeatTimings {
    for violation in timings.violations {
      let key = violation.isOfWatchdog ? "self_fence" : "beats"
      file.context.report(file.position(of: key), "\(key): \(violation.message)")
    }
    return timings
  }

  /// `mirror:`; the defaults where it is missing.
  static func mirror(_ file: NodeFileSection) -> MirrorTimings? {
    var timings = MirrorTimings()
    guard let value = file.optional("mirror") else { return timings }
    let keys = ["grace_period", "departure_delay", "burst", "burst_window", "rescan"]
    guard let section = value.section(known: keys) else { return nil }
    var isRead = [
      read(section, "grace_period", .seconds(1)...(.seconds(240)), into: &timings.gracePeriod),
      read(section, "departure_delay", .seconds(1)...(hour * 24), into: &timings.departureDelay),
      read(section, "burst_window", .milliseconds(100)...hour, into: &timings.burstWindow),
      read(section, "rescan", .seconds(1)...(hour * 24), into: &timings.rescan),
    ].allSatisfy { $0 }
    if let burst = section.optional("burst") {
      let number = burst.integer(1...10_000)
      timings.burst = number ?? timings.burst
      isRead = isRead && number != nil
    }
    guard isRead else { return nil }
    for violation in timings.violations {
      file.context.report(file.position(of: "mirror"), "mirror: \(violation.message)")
    }
    return timings
  }

  /// `limit` of `callout:`; the default where it is missing.
  static func calloutLimit(_ file: NodeFileSection) -> Duration? {
    let standard = Duration.seconds(2)
    guard let value = file.optional("callout") else { return standard }
    guard let section = value.section(known: ["limit"]) else { return nil }
    guard let limit = section.optional("limit") else { return standard }
    return limit.duration(.milliseconds(10)...(.seconds(30)))
  }

  /// False where the key is there and can't be read.
  static func read(
    _ section: NodeFileSection, _ key: String, _ range: ClosedRange<Duration>, into target: inout Duration
  ) -> Bool {
    guard let value = section.optional(key) else { return true }
    guard let duration = value.duration(range) else { return false }
    target = duration
    return true
  }
}
