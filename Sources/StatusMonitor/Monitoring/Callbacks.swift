import ONCRPC

/// Who is still to be called back, and the datagrams that are under way for it: rpcbind is asked for the lock
/// manager's port, then the lock manager is called.
struct Callbacks: Sendable {
  /// No answer to a message by then is none.
  static let patience = Duration.seconds(1)
  private static let longestPause = Duration.seconds(30)

  /// A program in one of its versions, registered over UDP.
  struct Program: Hashable, Sendable {
    let number: UInt32
    let version: UInt32
  }

  /// What a transaction is about.
  enum Message: Sendable {
    case port(Program)
    case callback(MonitoredHosts.ID)
  }

  struct Pending: Sendable {
    var state: Int32
    var attempts = 0
    /// Of the message that was sent and has no answer.
    var transaction: UInt32?
    var notBefore: Duration
  }

  private let limits: MonitoringLimits
  private var lastTransaction: UInt32
  private(set) var pending: [MonitoredHosts.ID: Pending] = [:]
  private var ready: [MonitoredHosts.ID] = []
  private var delayed: Set<MonitoredHosts.ID> = []
  private var waiting: [Program: [MonitoredHosts.ID]] = [:]
  private var ports: [Program: UInt16] = [:]
  private var messages: [UInt32: Message] = [:]
  private var isTimerSet = false
  private(set) var abandoned: [(id: MonitoredHosts.ID, pending: Pending)] = []

  init(limits: MonitoringLimits, firstTransaction: UInt32) {
    self.limits = limits
    lastTransaction = firstTransaction
  }

  var underWay: Int { messages.count }

  /// The newest state is what counts, and one callback at a time tells it.
  mutating func want(_ id: MonitoredHosts.ID, state: Int32, now: Duration) {
    if let transaction = pending[id]?.transaction { messages[transaction] = nil }
    pending[id] = Pending(state: state, notBefore: now)
    delayed.remove(id)
    ready.append(id)
  }

  mutating func forget(_ id: MonitoredHosts.ID) {
    if let transaction = pending.removeValue(forKey: id)?.transaction { messages[transaction] = nil }
    delayed.remove(id)
  }

  /// The datagrams to send now, and when to ask again. `line` is what the peer is monitored by, nil where it no
  /// longer is.
  mutating func next(
    now: Duration, line: (MonitoredHosts.ID) -> MonitorLine?
  ) -> [StatusMonitorDirective] {
    var directives: [StatusMonitorDirective] = []
    for id in delayed where (pending[id]?.notBefore ?? now) <= now {
      delayed.remove(id)
      ready.append(id)
    }
    var taken = 0
    for id in ready where messages.count < limits.callbacksAtOnce {
      taken += 1
      guard let callback = pending[id], callback.transaction == nil else { continue }
      guard let line = line(id) else {
        pending[id] = nil
        continue
      }
      let program = Program(number: line.program, version: line.version)
      guard let port = ports[program] else {
        if waiting[program] == nil { directives += askForPort(of: program, now: now) }
        waiting[program, default: []].append(id)
        continue
      }
      let content = RestartCallback(monName: line.monNameBytes, state: callback.state, cookie: line.cookie)
      guard let arguments = try? content.encoded() else {
        pending[id] = nil
        continue
      }
      let call = RPCCall(
        transactionID: transaction(.callback(id)), program: line.program, version: line.version,
        procedure: line.procedure)
      pending[id]?.transaction = call.transactionID
      directives += send(call, arguments, port: port, now: now)
    }
    ready.removeFirst(taken)
    if !isTimerSet, !delayed.isEmpty {
      isTimerSet = true
      directives.append(.timer(.callbacks, at: now + .seconds(1)))
    }
    return directives
  }

  mutating func onTimer() { isTimerSet = false }

  /// Nil where the datagram answers nothing that was sent, or is not the end of a callback.
  mutating func onDatagram(
    _ bytes: [UInt8], fromPort source: UInt16, now: Duration
  ) -> (id: MonitoredHosts.ID, pending: Pending)? {
    guard let reply = try? RPCReply.parse(bytes), let message = messages[reply.transactionID] else {
      return nil
    }
    switch message {
    case .port(let program):
      guard source == PortMap.port else { return nil }
      messages[reply.transactionID] = nil
      if case .success(let results) = reply.outcome, let port = try? PortMap.port(results: results) {
        ports[program] = port
        ready += waiting.removeValue(forKey: program) ?? []
      } else {
        fail(program, now: now)
      }
      return nil
    case .callback(let id):
      guard ports.values.contains(source), let callback = pending[id] else { return nil }
      messages[reply.transactionID] = nil
      pending[id]?.transaction = nil
      guard case .success = reply.outcome else {
        // Another program may have the port by now.
        ports = ports.filter { $0.value != source }
        fail(id, now: now)
        return nil
      }
      pending[id] = nil
      return (id, callback)
    }
  }

  /// A message that had no answer in time.
  mutating func onSilence(_ transaction: UInt32, now: Duration) {
    switch messages.removeValue(forKey: transaction) {
    case nil: break
    case .port(let program): fail(program, now: now)
    case .callback(let id):
      // The lock manager may have started again at another port.
      ports = [:]
      pending[id]?.transaction = nil
      fail(id, now: now)
    }
  }

  mutating func takeAbandoned() -> [(id: MonitoredHosts.ID, pending: Pending)] {
    defer { abandoned = [] }
    return abandoned
  }

  private mutating func fail(_ program: Program, now: Duration) {
    for id in waiting.removeValue(forKey: program) ?? [] { fail(id, now: now) }
  }

  private mutating func fail(_ id: MonitoredHosts.ID, now: Duration) {
    guard var callback = pending[id], callback.transaction == nil else { return }
    callback.attempts += 1
    guard callback.attempts < limits.callbackAttempts else {
      pending[id] = nil
      abandoned.append((id, callback))
      return
    }
    let pause = Duration.seconds(1 << min(callback.attempts - 1, 5))
    callback.notBefore = now + min(pause, Callbacks.longestPause)
    pending[id] = callback
    delayed.insert(id)
  }

  private mutating func askForPort(of program: Program, now: Duration) -> [StatusMonitorDirective] {
    let call = RPCCall(
      transactionID: transaction(.port(program)), program: PortMap.program,
      version: PortMap.portMapperVersion, procedure: PortMap.lookUp)
    let arguments = PortMap.portArguments(
      program: program.number, version: program.version, transport: PortMap.udp)
    return send(call, arguments, port: PortMap.port, now: now)
  }

  private func send(
    _ call: RPCCall, _ arguments: [UInt8], port: UInt16, now: Duration
  ) -> [StatusMonitorDirective] {
    // Without credentials nothing in a call can be too long.
    guard let message = try? call.message(arguments: arguments) else { return [] }
    return [
      .send(message, port: port),
      .timer(.message(transaction: call.transactionID), at: now + Callbacks.patience),
    ]
  }

  private mutating func transaction(_ message: Message) -> UInt32 {
    repeat { lastTransaction &+= 1 } while messages[lastTransaction] != nil
    messages[lastTransaction] = message
    return lastTransaction
  }
}
