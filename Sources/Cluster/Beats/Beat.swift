/// One beat of a node: the value of `nodes/<node>/beat`.
///
/// Observers look at whether it changed, each by its own clock; it holds no time of the writer's clock.
public struct Beat: Sendable, Equatable {
  /// Which run of which daemon wrote it.
  public var instance: DaemonInstance
  /// Grows with every beat.
  public var counter: UInt64
  /// The lease that this beat renews, in milliseconds: observers wait at least as long.
  public var leaseMilliseconds: Int
  /// Set in the last beat of a daemon that was stopped on purpose: how much longer observers wait.
  public var stoppedForMilliseconds: Int?

  /// A beat.
  public init(
    instance: DaemonInstance, counter: UInt64, leaseMilliseconds: Int, stoppedForMilliseconds: Int? = nil
  ) {
    self.instance = instance
    self.counter = counter
    self.leaseMilliseconds = leaseMilliseconds
    self.stoppedForMilliseconds = stoppedForMilliseconds
  }

  /// Reads what ``bytes`` wrote; nil where it is something else.
  public init?(bytes: [UInt8]) {
    guard let fields = FieldText(bytes), let place = fields["place"], let run = fields["run"],
      let counter = fields["counter"].flatMap({ UInt64($0) }),
      let lease = fields["lease_ms"].flatMap({ Int($0) }), (1...86_400_000).contains(lease)
    else { return nil }
    let stopped = fields["stopped_for_ms"].flatMap { Int($0) }
    self.init(
      instance: DaemonInstance(place: place, run: run), counter: counter, leaseMilliseconds: lease,
      stoppedForMilliseconds: stopped.map { min(max($0, 0), 86_400_000) })
  }

  /// As it stands in the store.
  public var bytes: [UInt8] {
    var fields = FieldText()
    fields.append("place", instance.place)
    fields.append("run", instance.run)
    fields.append("counter", String(counter))
    fields.append("lease_ms", String(leaseMilliseconds))
    if let stoppedForMilliseconds { fields.append("stopped_for_ms", String(stoppedForMilliseconds)) }
    return fields.bytes
  }
}

/// Which run of which daemon.
public struct DaemonInstance: Sendable, Hashable {
  /// The boot of the machine and its node lock. Whoever holds that lock knows that every other run from the
  /// same place is over.
  public var place: String
  /// Different for every start of the daemon.
  public var run: String

  /// An instance.
  public init(place: String, run: String) {
    self.place = place
    self.run = run
  }
}
