/// What a ``StatusMonitorInstance`` wants done. All of it may fail or be slow, and the instance is told how it ended.
public enum StatusMonitorDirective: Sendable, Equatable {
  /// Make these changes in the status directory, in this order, and report with `onWritten` when those that add a
  /// line are on the disk, or that one of them failed. Changes of one record keep the order of their directives.
  case change([RecordChange], ticket: UInt64)
  /// Have the shared store keep the record as it is in the status directory now, and report with `onMirrored`.
  case mirror(ClientName, identity: MonitorIdentity, ticket: UInt64)
  /// Let the daemon know; nobody waits for it.
  case report(StatusMonitorNews)
  /// Answer the call with these results.
  case reply(StatusMonitorRequest, results: [UInt8])
  /// Find the addresses of a name and report with `onResolved`, an empty list where it has none.
  case resolve(String, lookup: UInt64)
  /// Send a datagram to this port of 127.0.0.1, from the privileged port whose answers go to `onDatagram`.
  case send([UInt8], port: UInt16)
  /// Call `onTimer` at this time of the boot clock. Timers are never taken back: a stale one does nothing.
  case timer(StatusMonitorTimer, at: Duration)
  /// Tell the operator.
  case tell(StatusMonitorEvent)
}

/// What the daemon of this node should know besides records.
public enum StatusMonitorNews: Sendable, Equatable {
  /// The lock manager no longer wants a peer monitored, and its record is about to go.
  case departed(MonitorIdentity)
  /// Somebody says that it restarted.
  case restarted(name: [UInt8], source: HostAddress, state: Int32)
}

/// Names a call that waits for its answer; the shell's own number for it.
public struct StatusMonitorRequest: Hashable, Sendable {
  /// The number.
  public let number: UInt64

  /// The call of this number.
  public init(_ number: UInt64) { self.number = number }
}

/// Who calls.
public struct StatusMonitorCaller: Equatable, Sendable, CustomStringConvertible {
  /// The address that the call came from.
  public let address: HostAddress
  /// The port.
  public let port: UInt16

  /// A caller at this address and port.
  public init(address: HostAddress, port: UInt16) {
    self.address = address
    self.port = port
  }

  /// Address and port.
  public var description: String { "\(address) port \(port)" }
}

/// What a timer is for.
public enum StatusMonitorTimer: Hashable, Sendable {
  /// A write takes too long.
  case writing(ticket: UInt64)
  /// The store takes too long.
  case mirroring(ticket: UInt64)
  /// A message to rpcbind or to the lock manager has no answer.
  case message(transaction: UInt32)
  /// A callback is due again.
  case callbacks
  /// Look monitored names up again.
  case names
}

/// How a write ended.
public enum RecordOutcome: Sendable, Equatable {
  /// It is on the disk, or in the store.
  case done
  /// It may or may not be; why, for the operator.
  case failed(String)
}

/// Something that an operator may want to read. Names in it are printable.
public enum StatusMonitorEvent: Sendable, Equatable, CustomStringConvertible {
  /// A call was refused.
  case refused(String)
  /// A record isn't on the disk, and its client gets no lock.
  case notWritten(client: ClientName, reason: String)
  /// A record isn't in the store, and its client gets no lock (`statd.when_not_mirrored: refuse`).
  case refusedUnmirrored(client: ClientName, reason: String)
  /// A record isn't in the store, and its client gets its lock (`grant`).
  case grantedUnmirrored(client: ClientName, reason: String)
  /// The store keeps records again.
  case mirrorsAgain(unmirrored: UInt64)
  /// A peer restarted and somebody here is called back.
  case restarted(peer: String, state: Int32, callbacks: Int)
  /// A peer restarted whom nobody here monitors.
  case unknownPeer(peer: String, source: HostAddress)
  /// The lock manager was told.
  case calledBack(peer: String, state: Int32, attempts: Int)
  /// The lock manager was not told after all attempts.
  case callbackAbandoned(peer: String, state: Int32, attempts: Int)
  /// SM_SIMU_CRASH
  case crashSimulated(StatusMonitorCaller)

  /// One sentence.
  public var description: String {
    switch self {
    case .refused(let reason): reason
    case .notWritten(let client, let reason):
      "\(client): its record is not on the disk, so it gets no lock: \(reason)"
    case .refusedUnmirrored(let client, let reason):
      "\(client): its record is not in the shared store, so it gets no lock: \(reason)"
    case .grantedUnmirrored(let client, let reason):
      "\(client): gets a lock that a failover now would lose, its record is not in the shared store: \(reason)"
    case .mirrorsAgain(let unmirrored):
      "the shared store keeps records again; \(unmirrored) were granted without it and are the mirror's to catch up"
    case .restarted(let peer, let state, let callbacks):
      "\(peer) restarted, state \(state): \(callbacks) to be called back"
    case .unknownPeer(let peer, let source):
      "\(peer) says that it restarted (from \(source)), and nobody here monitors it"
    case .calledBack(let peer, let state, let attempts):
      "the lock manager knows that \(peer) restarted, state \(state) (attempt \(attempts))"
    case .callbackAbandoned(let peer, let state, let attempts):
      "the lock manager was not told that \(peer) restarted, state \(state), in \(attempts) attempts: locks held "
        + "there are not reclaimed; does it run, and is it registered over UDP (rpcinfo -p)?"
    case .crashSimulated(let caller):
      "\(caller) asks for a simulated crash; to notify every monitored host, run sm-notify -f"
    }
  }
}
