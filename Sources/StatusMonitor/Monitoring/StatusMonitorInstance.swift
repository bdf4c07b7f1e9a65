/// A status monitor's decisions: what is answered to a call, what is written before, and who is called back.
///
/// Semantics are rpc.statd's (nfs-utils, utils/statd) but for two things. `SM_MON` is answered with success only when
/// the record is on the disk and, where the operator wants it, in the shared store. And a record is named after
/// `mon_name` as it is, an address for Linux's lockd, not after what the resolver makes of it: no call waits for a
/// resolver.
///
/// `now` is the time since boot.
public struct StatusMonitorInstance: Sendable {
  /// What happens when a record isn't in the shared store in time.
  public enum Mirroring: Sendable, Equatable {
    /// There is no store to ask: the status directory alone counts.
    case none
    /// The client gets its lock, and the operator is told.
    case grant
    /// The client gets no lock.
    case refuse
  }

  let limits: MonitoringLimits
  let mirroring: Mirroring
  var hosts = MonitoredHosts()
  var state: StateNumber
  var lastTicket: UInt64 = 0
  var waits: [UInt64: Wait] = [:]
  /// The last try to have a record kept by the store failed: with `grant` nobody waits for it any more.
  var isStoreAway = false
  var names: NameLookups
  var callbacks: Callbacks
  /// What was counted since the start.
  public internal(set) var figures = StatusMonitorFigures()

  /// Calls that wait for a change of records.
  struct Wait: Sendable {
    enum Purpose: Sendable {
      case monitor(MonitoredHosts.ID)
      case check(MonitoredHosts.ID)
      case forget
    }
    let purpose: Purpose
    var requests: [StatusMonitorRequest]
    var isWritten = false
  }

  /// A status monitor that knows what the status directory holds.
  ///
  /// - Parameters:
  ///   - records: what is in `sm/`.
  ///   - state: this host's own state number.
  ///   - firstTransaction: any number; transactions of callbacks count up from it.
  public init(
    records: [ClientName: MonitorRecord], state: StateNumber, mirroring: Mirroring = .none,
    limits: MonitoringLimits = MonitoringLimits(), firstTransaction: UInt32
  ) {
    self.state = state
    self.mirroring = mirroring
    self.limits = limits
    names = NameLookups(limits: limits)
    callbacks = Callbacks(limits: limits, firstTransaction: firstTransaction)
    for (client, record) in records.sorted(by: { $0.key < $1.key }) {
      for line in record.monitorLines where StatusMonitorInstance.isCallable(line.identity.target) {
        hosts.insert(line, client: client, presence: .kept, now: .zero)
      }
    }
  }

  /// How many hosts are monitored.
  public var monitoredHosts: Int { hosts.hosts }

  /// To be called once, before everything else.
  public mutating func onStart(now: Duration) -> [StatusMonitorDirective] {
    names.want(hosts.names)
    return nextLookups() + [.timer(.names, at: now + NameLookups.refreshInterval)]
  }

  /// This host's own state number, as its file says now.
  public mutating func onState(_ number: StateNumber) { state = number }

  /// A call.
  public mutating func onCall(
    _ call: StatusMonitorCall, from caller: StatusMonitorCaller, as request: StatusMonitorRequest,
    now: Duration
  ) -> [StatusMonitorDirective] {
    figures.calls += 1
    switch call {
    case .null: return [.reply(request, results: [])]
    case .status(let peer): return onStatus(peer, as: request)
    case .monitor(let monitor): return onMonitor(monitor, from: caller, as: request, now: now)
    case .unmonitor(let identity): return onUnmonitor(identity, from: caller, as: request, now: now)
    case .unmonitorAll(let target): return onUnmonitorAll(target, from: caller, as: request, now: now)
    case .simulateCrash: return onSimulateCrash(from: caller, as: request)
    case .notify(let notice): return onNotify(notice, from: caller, as: request, now: now)
    }
  }

  /// `SM_STAT`, which rpc.statd always answers with failure, and which the specification asks nobody to rely on.
  mutating func onStatus(_ peer: PeerName, as request: StatusMonitorRequest) -> [StatusMonitorDirective] {
    [.reply(request, results: MonitorResult(isSuccess: false, state: -1).encoded)]
  }

  /// `SM_SIMU_CRASH`: whoever may bind a privileged port of this host may ask for it. Notifying is not this program's
  /// part, as in `rpc.statd --no-notify`, so the operator is told.
  mutating func onSimulateCrash(
    from caller: StatusMonitorCaller, as request: StatusMonitorRequest
  ) -> [StatusMonitorDirective] {
    let isAllowed = caller.address.isLoopback && caller.port < 1_024
    return [
      .tell(
        isAllowed
          ? .crashSimulated(caller)
          : .refused("SM_SIMU_CRASH from \(caller): only a privileged port of this host may ask for it")),
      .reply(request, results: []),
    ]
  }

  /// A timer that a directive asked for.
  public mutating func onTimer(_ timer: StatusMonitorTimer, now: Duration) -> [StatusMonitorDirective] {
    switch timer {
    case .writing(let ticket): return onWritingLimit(ticket, now: now)
    case .mirroring(let ticket): return onMirroringLimit(ticket, now: now)
    case .message(let transaction):
      callbacks.onSilence(transaction, now: now)
      return nextCallbacks(now: now)
    case .callbacks:
      callbacks.onTimer()
      return nextCallbacks(now: now)
    case .names:
      names.want(hosts.names)
      return nextLookups() + [.timer(.names, at: now + NameLookups.refreshInterval)]
    }
  }

  /// Whom statd agrees to call: the lock manager, by Linux's procedure or that of the BSDs (`sm_mon_1_svc`).
  static func isCallable(_ target: CallbackTarget) -> Bool {
    target.program == 100_021 && (target.procedure == 16 || target.procedure == 24)
  }
}

/// What a status monitor counted since its start.
public struct StatusMonitorFigures: Sendable, Equatable {
  /// Calls that were understood.
  public var calls: UInt64 = 0
  /// `SM_MON` answered with success.
  public var granted: UInt64 = 0
  /// Of these, without the record in the store, though there is one.
  public var grantedUnmirrored: UInt64 = 0
  /// `SM_MON` answered with failure.
  public var refused: UInt64 = 0
  /// `SM_NOTIFY` received.
  public var notices: UInt64 = 0
  /// Callbacks that the lock manager answered.
  public var calledBack: UInt64 = 0
}
