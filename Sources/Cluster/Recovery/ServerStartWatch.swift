/// Follows what the kernel says of its NFS server from one look to the next, so that a start is noticed that nobody here has
/// asked for: with the stop before it went every lock, and nobody but lockferry tells the clients.
///
/// Nothing but a start of the lock manager begins a grace period (fs/lockd/svc.c, `lockd_up_net` and `restart_grace`). One
/// that is shorter than the time between two looks is missed; so is a second start in the same grace period where something
/// else keeps the one lockd of all network namespaces running.
public struct ServerStartWatch: Sendable {
  /// What was seen.
  public struct Sight: Sendable, Equatable {
    /// nfsd has threads; nil where there is no NFS server to ask, as where a service's namespace is gone.
    public var isServing: Bool?
    /// A grace period runs.
    public var isInGrace: Bool
    /// When the kernel's lockd has started, where that can be seen.
    public var lockManagerStart: BootInstant?
    /// When the kernel was asked.
    public var asked: BootInstant

    /// A sight.
    public init(isServing: Bool?, isInGrace: Bool, lockManagerStart: BootInstant?, asked: BootInstant) {
      self.isServing = isServing
      self.isInGrace = isInGrace
      self.lockManagerStart = lockManagerStart
      self.asked = asked
    }
  }

  /// A start.
  public struct Start: Sendable, Equatable {
    /// The server did not serve in this grace period yet at that moment; nil where nothing shows one.
    public var after: BootInstant?
    /// The server did serve at that moment: whoever was told later was told of this start.
    public var by: BootInstant
  }

  private var hasServed = false
  /// While a grace period runs: the lockd that it is of.
  private var grace: (lockManagerStart: BootInstant?, Void)?
  /// No grace period ran then.
  private var lastOutside: BootInstant?

  /// Nothing was seen yet.
  public init() {}

  /// The kernel was asked. Returns a start that shows for the first time.
  public mutating func onSight(_ sight: Sight) -> Start? {
    guard let isServing = sight.isServing else {
      self = ServerStartWatch()
      return nil
    }
    guard sight.isInGrace else {
      grace = nil
      lastOutside = sight.asked
      hasServed = hasServed || isServing
      return nil
    }
    guard isServing else { return nil }
    let before = grace
    grace = (sight.lockManagerStart ?? before?.lockManagerStart, ())
    defer { hasServed = true }
    if let before {
      guard let then = before.lockManagerStart, let now = sight.lockManagerStart, then != now else {
        return nil
      }
      lastOutside = now
      return Start(after: now, by: sight.asked)
    }
    if hasServed { return Start(after: lastOutside, by: sight.asked) }
    // The first sight of all: no grace period is older than its lockd.
    return sight.lockManagerStart.map { Start(after: $0, by: $0) }
  }

  /// What is left at least of a grace period of `length` that runs now; nil where nothing shows since when it does.
  public func graceLeft(of length: Duration, now: BootInstant) -> Duration? {
    guard grace != nil, let lastOutside else { return nil }
    return max(lastOutside + length - now, .zero)
  }
}
