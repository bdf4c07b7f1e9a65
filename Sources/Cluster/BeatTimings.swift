/// How often a node beats, how long its lease lasts, and what must hold between the two.
public struct BeatTimings: Sendable, Equatable {
  /// `interval`: from one beat to the next. Default 500 ms, 10 ms to 1 min.
  public var interval: Duration
  /// `store_timeout`: a call to the store that takes longer has failed, its result unknown. Default 1 s.
  public var storeTimeout: Duration
  /// `lease`: a node whose beat has not changed for this long, by the observer's clock, is dead. Default 4 s.
  public var lease: Duration
  /// `margin`: what the owner leaves unused at the end of its lease. Default 200 ms.
  public var margin: Duration
  /// `stop_time`: the longest that giving up all services takes an owner that can't renew. Default 1 s.
  public var stopTime: Duration
  /// `daemon_stop_grace`: how much longer the others wait after a daemon was stopped on purpose. Default 30 s,
  /// may be 0.
  public var daemonStopGrace: Duration
  /// `self_fence.timeout`: after so long without food the watchdog device resets this machine; nil where there is none.
  /// Whole seconds.
  public var watchdog: Duration?
  #if PLANTED_BUGS
    /// A mistake of which a test wants to know whether it is found.
    public var planted: PlantedBug?
  #endif

  /// The most by which two clocks may run apart: 1 in 100.
  public static let clockErrorPercent = 1

  /// The defaults for the embedded store: a dead owner is noticed within 5 s.
  public init(
    interval: Duration = .milliseconds(500), storeTimeout: Duration = .seconds(1),
    lease: Duration = .seconds(4), margin: Duration = .milliseconds(200), stopTime: Duration = .seconds(1),
    daemonStopGrace: Duration = .seconds(30), watchdog: Duration? = nil
  ) {
    self.interval = interval
    self.storeTimeout = storeTimeout
    self.lease = lease
    self.margin = margin
    self.stopTime = stopTime
    self.daemonStopGrace = daemonStopGrace
    self.watchdog = watchdog
  }
}

/// When the mirror may delete, and how often it looks at everything.
public struct MirrorTimings: Sendable, Equatable {
  /// `grace_period` of the lock manager, as set on the servers. Default 50 s, 1 s to 240 s (what lockd takes).
  public var gracePeriod: Duration
  /// `departure_delay`: how long a single departure waits before it is deleted from the store. Longer than the
  /// grace period. Default 120 s.
  public var departureDelay: Duration
  /// `burst`: more departures than this within `burst_window` freeze deletions. Default 5.
  public var burst: Int
  /// `burst_window`. Default 10 s.
  public var burstWindow: Duration
  /// `rescan`: the whole directory is read again this often, whatever inotify said. Default 60 s.
  public var rescan: Duration
  #if PLANTED_BUGS
    /// A mistake of which a test wants to know whether it is found.
    public var planted: PlantedBug?
  #endif

  /// The defaults.
  public init(
    gracePeriod: Duration = .seconds(50), departureDelay: Duration = .seconds(120), burst: Int = 5,
    burstWindow: Duration = .seconds(10), rescan: Duration = .seconds(60)
  ) {
    self.gracePeriod = gracePeriod
    self.departureDelay = departureDelay
    self.burst = burst
    self.burstWindow = burstWindow
    self.rescan = rescan
  }
}
