import ONCRPC
import StatusMonitor
import Testing

/// A status monitor and the world around it as far as its directives need one.
struct MonitorUnderTest {
  var instance: StatusMonitorInstance
  var now = Duration.seconds(1_000)
  var told: [StatusMonitorEvent] = []
  var reported: [StatusMonitorNews] = []
  /// What would be in `sm/`.
  var files: [ClientName: MonitorRecord]
  var replies: [UInt64: [UInt8]] = [:]
  var changes: [(ticket: UInt64, changes: [RecordChange])] = []
  var mirrorings: [(ticket: UInt64, client: ClientName)] = []
  var lookups: [(lookup: UInt64, name: String)] = []
  var sent: [(bytes: [UInt8], port: UInt16)] = []
  var timers: [(timer: StatusMonitorTimer, at: Duration)] = []
  private var lastRequest: UInt64 = 0

  static let loopback = StatusMonitorCaller(address: HostAddress(ipv4: 0x7f00_0001), port: 700)

  init(
    _ files: [ClientName: MonitorRecord] = [:], mirroring: StatusMonitorInstance.Mirroring = .none,
    limits: MonitoringLimits = MonitoringLimits()
  ) throws {
    self.files = files
    instance = StatusMonitorInstance(
      records: files, state: try #require(StateNumber(7)), mirroring: mirroring, limits: limits,
      firstTransaction: 100)
    carryOut(instance.onStart(now: now))
  }

  mutating func carryOut(_ directives: [StatusMonitorDirective]) {
    for directive in directives {
      switch directive {
      case .change(let wanted, let ticket): changes.append((ticket, wanted))
      case .mirror(let client, identity: _, let ticket): mirrorings.append((ticket, client))
      case .report(let news): reported.append(news)
      case .reply(let request, let results): replies[request.number] = results
      case .resolve(let name, let lookup): lookups.append((lookup, name))
      case .send(let bytes, let port): sent.append((bytes, port))
      case .timer(let timer, let at): timers.append((timer, at))
      case .tell(let event): told.append(event)
      }
    }
  }

  /// A call; returns its number.
  @discardableResult
  mutating func call(_ call: StatusMonitorCall, from caller: StatusMonitorCaller = loopback) -> UInt64 {
    lastRequest += 1
    carryOut(instance.onCall(call, from: caller, as: StatusMonitorRequest(lastRequest), now: now))
    return lastRequest
  }

  /// SM_MON; returns its number.
  @discardableResult
  mutating func monitor(_ peer: String, as myName: String = "server", cookie: UInt8 = 1) -> UInt64 {
    call(.monitor(Self.request(peer, as: myName, cookie: cookie)))
  }

  static func identity(_ peer: String, as myName: String = "server") -> MonitorIdentity {
    MonitorIdentity(monName: Array(peer.utf8), target: CallbackTarget(myName: Array(myName.utf8)))
  }

  static func request(_ peer: String, as myName: String = "server", cookie: UInt8 = 1) -> MonitorRequest {
    MonitorRequest(identity: identity(peer, as: myName), cookie: [UInt8](repeating: cookie, count: 16))
  }

  /// SM_NOTIFY from an address.
  mutating func notify(_ name: String, from source: String, state: Int32) throws {
    let address = try #require(HostAddress(literal: source.utf8))
    let number = call(
      .notify(RestartNotice(monName: Array(name.utf8), state: state)),
      from: StatusMonitorCaller(address: address, port: 800))
    #expect(replies[number] == [], "SM_NOTIFY is answered at once")
  }

  /// Everything that waits to be written is on the disk.
  mutating func write() {
    let wanted = changes
    changes = []
    for (ticket, changes) in wanted {
      for change in changes { files[change.client] = change.applied(to: files[change.client]) }
      carryOut(instance.onWritten(ticket, .done, now: now))
    }
  }

  /// Time goes on, and every timer that is due goes off.
  mutating func pass(_ duration: Duration) {
    let end = now + duration
    while let next = timers.indices.min(by: { timers[$0].at < timers[$1].at }), timers[next].at <= end {
      let (timer, at) = timers.remove(at: next)
      now = max(now, at)
      carryOut(instance.onTimer(timer, now: now))
    }
    now = end
  }

  mutating func takeMirroring() throws -> UInt64 {
    let last = mirrorings.popLast()
    return try #require(last).ticket
  }

  mutating func takeLookup() throws -> (lookup: UInt64, name: String) {
    let last = lookups.popLast()
    return try #require(last)
  }

  /// Time goes on until the next message is sent; returns it.
  mutating func nextSent() throws -> RPCCall {
    for _ in 0..<400 where sent.isEmpty { pass(.milliseconds(250)) }
    let last = sent.popLast()
    sent = []
    return try RPCCall.parse(#require(last).bytes).call
  }

  func result(_ number: UInt64) throws -> MonitorResult {
    try MonitorResult(results: try #require(replies[number], "call \(number) has no answer"))
  }

  /// What rpcbind and the lock manager are sent, answered as they do; returns the callbacks.
  mutating func answerCallbacks(port: UInt16 = 900) throws -> [RestartCallback] {
    var callbacks: [RestartCallback] = []
    while !sent.isEmpty {
      let (bytes, destination) = sent.removeFirst()
      let (call, arguments) = try RPCCall.parse(bytes)
      var writer = XDRWriter()
      if destination == 111 {
        #expect(call.program == PortMap.program)
        writer.uint32(UInt32(port))
      } else {
        #expect(destination == port)
        #expect(call.program == 100_021)
        #expect(call.procedure == 16)
        callbacks.append(try RestartCallback(arguments: arguments))
      }
      let reply = RPCReply(transactionID: call.transactionID, .success(writer.bytes))
      carryOut(instance.onDatagram(reply.message, fromPort: destination, now: now))
    }
    return callbacks
  }
}
