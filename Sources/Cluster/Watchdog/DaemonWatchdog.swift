/// Watches one local daemon: a dead one is restarted once, and where that does not help its node has to give its
/// services up.
public struct DaemonWatchdog: Sendable {
  /// How patient it is.
  public struct Settings: Sendable, Equatable {
    /// `failures`: probes that fail one after the other make the daemon dead. Default 2.
    public var failures: Int
    /// `within`: how long it may take to answer after a restart, or after the watch began. Default 10 s.
    public var within: Duration
    /// `quiet`: one that dies again within so long of its restart is not restarted again. Default 10 min.
    public var quiet: Duration

    /// The defaults.
    public init(failures: Int = 2, within: Duration = .seconds(10), quiet: Duration = .seconds(600)) {
      self.failures = failures
      self.within = within
      self.quiet = quiet
    }
  }

  /// What the shell shall do.
  public enum Directive: Sendable, Equatable {
    /// Run the restart command, and report by ``DaemonWatchdog/onRestarted(problem:now:)``.
    case restart
  }

  /// Where the daemon stands.
  public enum Standing: Sendable, Equatable {
    /// It has not answered since the watch began; it may still be starting.
    case starting
    /// It answers.
    case well
    /// Its restart is under way, or it has not answered since.
    case restarting
    /// A restart did not help, or it died again too soon.
    case dead(String)
  }

  /// How long the report of a daemon that stays dead counts, each time that it is written.
  public static let reportLasts = Duration.seconds(600)

  private let settings: Settings
  private var since: BootInstant
  private var failed = 0
  private var answered = 0
  private var lastRestart: BootInstant?
  private var isCommandRunning = false
  /// Where the daemon stands.
  public private(set) var standing = Standing.starting
  /// How often it was restarted since the watch began.
  public private(set) var restarts = 0

  /// A watch that begins at `now`.
  public init(settings: Settings, now: BootInstant) {
    self.settings = settings
    since = now
  }

  /// The probe was answered, or why not.
  public mutating func onProbe(_ problem: String?, now: BootInstant) -> [Directive] {
    guard !isCommandRunning else { return [] }
    guard let problem else {
      failed = 0
      answered += 1
      // Whoever has been given up for dead has to show that it lives.
      if case .dead = standing, answered < settings.failures { return [] }
      standing = .well
      return []
    }
    answered = 0
    failed += 1
    switch standing {
    case .dead:
      return []
    case .starting:
      // A count before the first answer would punish a slow start (failover-rules lesson 10).
      return now - since >= settings.within ? restart(now: now) : []
    case .restarting:
      if now - since >= settings.within { standing = .dead("its restart did not help: \(problem)") }
      return []
    case .well:
      guard failed >= settings.failures else { return [] }
      if let lastRestart, now - lastRestart < settings.quiet {
        standing = .dead(
          "it died again within \(DurationText.text(settings.quiet)) of its restart: \(problem)")
        return []
      }
      return restart(now: now)
    }
  }

  /// The restart command has ended; `problem` is nil where it succeeded.
  public mutating func onRestarted(problem: String?, now: BootInstant) {
    isCommandRunning = false
    since = now
    if let problem { standing = .dead("it could not be restarted: \(problem)") }
  }

  private mutating func restart(now: BootInstant) -> [Directive] {
    standing = .restarting
    restarts += 1
    lastRestart = now
    since = now
    isCommandRunning = true
    return [.restart]
  }
}
