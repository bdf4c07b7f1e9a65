/// How much a status monitor of ours takes from others before it says no.
public struct MonitoringLimits: Sendable, Equatable {
  /// The most hosts that are monitored at once, by their records.
  public var hosts = 100_000
  /// The most lines in one host's record: one for each lock manager and name of ours.
  public var linesPerHost = 32
  /// The most calls that wait for their record at once.
  public var waitingCalls = 8_192
  /// A call whose record isn't on the disk by then is refused. lockd waits longer than that, and a client that is
  /// refused asks again.
  public var writing = Duration.seconds(5)
  /// A record that isn't in the shared store by then counts as not mirrored.
  public var mirroring = Duration.seconds(2)
  /// The most names that are being resolved at once.
  public var lookupsAtOnce = 8
  /// The most names that wait to be resolved for a notification; notifications beyond are matched by the names and
  /// addresses that are known.
  public var waitingLookups = 256
  /// The most callbacks under way at once; the lock manager's socket holds about so many.
  public var callbacksAtOnce = 64
  /// How often a callback is tried, with pauses of 1, 2, 4 … 30 s: about 5 minutes in all.
  public var callbackAttempts = 14

  /// The limits above.
  public init() {}
}
