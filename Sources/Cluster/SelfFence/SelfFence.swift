/// Decides when the machine's watchdog device is armed, fed and disarmed: a machine whose daemon hangs while it owns a
/// service is reset before another node may take that.
///
/// Nothing but a renewal that has reached the store gives time, and only where the reset would still come before the lease
/// ends, see ``BeatTimings/leavesTimeForReset(renewedAt:now:)``.
public struct SelfFence: Sendable, Equatable {
  /// What the shell shall do with the device.
  public enum Directive: Sendable, Equatable {
    /// Start it, and report by ``SelfFence/onArmed(now:)``. Nothing of a service may run before.
    case arm
    /// Let it count anew, unless ``BeatTimings/leavesTimeForReset(renewedAt:now:)`` says no at that moment.
    case feed(renewedAt: BootInstant)
    /// Stop it, and report by ``SelfFence/onDisarmed(now:)``.
    case disarm
  }

  private enum Standing { case off, arming, armed, disarming }

  private let timings: BeatTimings
  private var renewedAt: BootInstant?
  private var owns: Bool
  private var standing: Standing

  /// The device counts.
  public var isArmed: Bool { standing == .armed }

  /// - Parameter isArmed: the daemon before this one left the device counting.
  public init(timings: BeatTimings, isArmed: Bool = false) {
    self.timings = timings
    owns = isArmed
    standing = isArmed ? .armed : .off
  }

  /// Whether this node owns anything, or has not yet proved that it has stopped.
  public mutating func onOwning(_ owns: Bool, now: BootInstant) -> [Directive] {
    self.owns = owns
    return settle(now: now)
  }

  /// A renewal that was sent at `sentAt` has reached the store.
  ///
  /// - Parameter isOverdue: something that had to be given up is still here after the time that is allowed for that;
  ///   another node may serve it already, and nothing but a reset is sure to end it here.
  public mutating func onRenewed(sentAt: BootInstant, isOverdue: Bool = false, now: BootInstant)
    -> [Directive]
  {
    guard !isOverdue else { return [] }
    renewedAt = max(renewedAt ?? sentAt, sentAt)
    return isArmed ? [.feed(renewedAt: sentAt)] : settle(now: now)
  }

  /// The device counts from now on.
  public mutating func onArmed(now: BootInstant) -> [Directive] {
    standing = .armed
    return settle(now: now)
  }

  /// The device is stopped.
  public mutating func onDisarmed(now: BootInstant) -> [Directive] {
    standing = .off
    return settle(now: now)
  }

  /// It could not be stopped, and goes on counting: it is tried again at the next word on what is owned.
  public mutating func onDisarmFailed() { standing = .armed }

  private mutating func settle(now: BootInstant) -> [Directive] {
    switch standing {
    case .armed where !owns:
      standing = .disarming
      return [.disarm]
    case .off where owns:
      // To start it is to feed it once.
      guard let renewedAt, timings.leavesTimeForReset(renewedAt: renewedAt, now: now) else { return [] }
      standing = .arming
      return [.arm]
    default:
      return []
    }
  }
}

extension BeatTimings {
  /// What of the lease an owner may use: with a device it has stopped in order before that resets the machine.
  var usableLease: Duration { watchdog.map { min($0, safeLease) } ?? safeLease }

  /// Whether a device that is fed or started at `now` resets the machine before the lease ends that was renewed at
  /// `renewedAt`. Always, where there is no device.
  ///
  /// Twice its time: a process that hangs may be killed just before the reset, and the kernel feeds a watchdog whose last
  /// holder closes it (drivers/watchdog/watchdog_dev.c, watchdog_release).
  public func leavesTimeForReset(renewedAt: BootInstant, now: BootInstant) -> Bool {
    guard let watchdog else { return true }
    return now + watchdog * 2 <= renewedAt + safeLease
  }

  /// How long the device shall count after the daemon was stopped on purpose: the others wait so much longer. Whole
  /// seconds, as devices count.
  public var watchdogAfterStop: Duration? {
    let grace = daemonStopGrace * (100 - Self.clockErrorPercent) / 100
    return watchdog.map { $0 + .seconds(grace.components.seconds) }
  }
}
