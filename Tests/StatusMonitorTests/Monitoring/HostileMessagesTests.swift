import Glibc
import ONCRPC
import StatusMonitor
import Testing

/// B1: messages from strangers: random ones, good ones, and good ones with some bytes changed, in random order, with
/// answers that come, fail or don't come. A few seconds in `make test`; `make soak` says how long in
/// `LOCKFERRY_SOAK_SECONDS`, and prints its seed when it fails.
@Suite struct HostileMessagesTests {
  private static let soakSeconds = getenv("LOCKFERRY_SOAK_SECONDS").flatMap { Double(String(cString: $0)) }

  @Test(
    "B1 no message crashes the monitor, grows it beyond its limits, or names a file outside the directory")
  func survives() throws {
    let end = ContinuousClock.now + .seconds(Self.soakSeconds ?? 3)
    var seed = UInt64(Self.soakSeconds == nil ? 1 : UInt64.random(in: 1 ... .max))
    var messages = 0
    while ContinuousClock.now < end {
      var world = try HostileWorld(seed: seed)
      for _ in 0..<3_000 { world.step() }
      world.finish()
      if let failure = world.failure {
        Issue.record("seed \(seed): \(failure)")
        return
      }
      messages += world.messages
      #expect(world.understood > 100, "seed \(seed): the generator makes calls that are understood")
      seed &+= 1
    }
    #expect(messages > 1_000)
  }
}

/// A status monitor among strangers.
private struct HostileWorld {
  private var random: SplitMix
  private var instance: StatusMonitorInstance
  private let limits: MonitoringLimits
  private var now = Duration.zero
  private var requests: UInt64 = 0
  private var unanswered: Set<UInt64> = []
  private var writes: [UInt64] = []
  private var mirrorings: [UInt64] = []
  private var lookups: [UInt64] = []
  private var sent: [(bytes: [UInt8], port: UInt16)] = []
  private var timers: [(timer: StatusMonitorTimer, at: Duration)] = []
  private(set) var messages = 0
  private(set) var understood = 0
  private(set) var failure: String?

  private static let names = [
    "10.0.0.1", "10.0.0.2", "::ffff:10.0.0.2", "fe80::1%eth0", "client.example.com", "CLIENT.example.com.",
    "",
    ".", "..", "../../etc/passwd", "/etc/passwd", ".hidden", "a b", "x.new", "a\n127.0.0.1 b", "\u{0}",
    "h\u{f6}st",
    String(repeating: "n", count: 255), String(repeating: "n", count: 256),
    String(repeating: "/", count: 1_024),
  ].map { Array($0.utf8) }

  init(seed: UInt64) throws {
    random = SplitMix(seed: seed)
    var limits = MonitoringLimits()
    (limits.hosts, limits.linesPerHost, limits.waitingCalls, limits.waitingLookups) = (50, 3, 40, 10)
    self.limits = limits
    let modes: [StatusMonitorInstance.Mirroring] = [.none, .grant, .refuse]
    var records: [ClientName: MonitorRecord] = [:]
    for number in 0..<5 {
      records[try ClientName("old\(number)")] = MonitorRecord(
        parsing: random.bytes(Int.random(in: 0..<300, using: &random), from: Array(0...255)))
    }
    instance = StatusMonitorInstance(
      records: records, state: try #require(StateNumber(7)),
      mirroring: modes[Int.random(in: 0..<3, using: &random)], limits: limits, firstTransaction: .max - 2)
    carryOut(instance.onStart(now: now))
  }

  mutating func step() {
    guard failure == nil else { return }
    now += .milliseconds(Int.random(in: 0...400, using: &random))
    switch Int.random(in: 0..<10, using: &random) {
    case 0...4: receive(message())
    case 5: if let ticket = take(\.writes) { carryOut(instance.onWritten(ticket, outcome(), now: now)) }
    case 6: if let ticket = take(\.mirrorings) { carryOut(instance.onMirrored(ticket, outcome(), now: now)) }
    case 7: if let lookup = take(\.lookups) { carryOut(instance.onResolved(lookup, addresses(), now: now)) }
    case 8: answerDatagram()
    default: fireTimers()
    }
    check()
  }

  // What comes in

  private mutating func message() -> [UInt8] {
    var bytes: [UInt8]
    if Int.random(in: 0..<10, using: &random) == 0 {
      bytes = random.bytes(Int.random(in: 0..<600, using: &random), from: Array(0...255))
    } else {
      let procedure = UInt32.random(in: 0...7, using: &random)
      let call = RPCCall(
        transactionID: UInt32.random(in: 0 ... .max, using: &random), program: StatusMonitorProgram.number,
        version: StatusMonitorProgram.version, procedure: procedure)
      bytes = (try? call.message(arguments: (try? arguments(procedure)) ?? [])) ?? []
    }
    guard Int.random(in: 0..<4, using: &random) == 0 else { return bytes }
    for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
      bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
    }
    return Array(bytes.prefix(Int.random(in: bytes.count / 2...bytes.count, using: &random)))
  }

  private mutating func name() -> [UInt8] {
    if Int.random(in: 0..<3, using: &random) == 0 {
      return Array("10.1.0.\(Int.random(in: 0..<120, using: &random))".utf8)
    }
    return Self.names[Int.random(in: 0..<Self.names.count, using: &random)]
  }

  private mutating func arguments(_ procedure: UInt32) throws(XDRError) -> [UInt8] {
    let target = CallbackTarget(
      myName: name(), program: Bool.random(using: &random) ? 100_021 : 100_003, procedure: 16)
    let known = CallbackTarget(myName: Array("server".utf8))
    let identity = MonitorIdentity(monName: name(), target: Bool.random(using: &random) ? target : known)
    switch procedure {
    case 1: return try PeerName(monName: name()).encoded()
    case 2:
      return try MonitorRequest(
        identity: identity, cookie: [UInt8](repeating: UInt8.random(in: 0...1, using: &random), count: 16)
      ).encoded()
    case 3: return try identity.encoded()
    case 4: return Int.random(in: 0..<20, using: &random) == 0 ? try known.encoded() : try target.encoded()
    case 6:
      return try RestartNotice(monName: name(), state: Int32.random(in: -2...9, using: &random)).encoded()
    default: return []
    }
  }

  private mutating func receive(_ message: [UInt8]) {
    messages += 1
    guard let (head, arguments) = try? RPCCall.parse(message),
      let call = try? StatusMonitorCall(head, arguments: arguments)
    else { return }
    understood += 1
    requests += 1
    unanswered.insert(requests)
    let callers: [UInt32] = [
      0x7f00_0001, 0x7f00_0001, 0x0a01_0000 | UInt32.random(in: 0..<120, using: &random),
    ]
    let caller = StatusMonitorCaller(
      address: HostAddress(ipv4: callers[Int.random(in: 0..<3, using: &random)]), port: 700)
    carryOut(instance.onCall(call, from: caller, as: StatusMonitorRequest(requests), now: now))
  }

  private mutating func outcome() -> RecordOutcome {
    Int.random(in: 0..<4, using: &random) == 0 ? .failed("no") : .done
  }

  private mutating func addresses() -> [HostAddress] {
    (0..<Int.random(in: 0..<3, using: &random)).map { _ in
      HostAddress(ipv4: 0x0a01_0000 | UInt32.random(in: 0..<120, using: &random))
    }
  }

  private mutating func answerDatagram() {
    guard !sent.isEmpty else { return }
    let (bytes, port) = sent.remove(at: Int.random(in: 0..<sent.count, using: &random))
    guard let call = try? RPCCall.parse(bytes).call else { return failure = "an unreadable call was sent" }
    var writer = XDRWriter()
    if port == 111 { writer.uint32(UInt32.random(in: 0...2, using: &random) * 900) }
    let outcomes: [RPCReply.Outcome] = [
      .success(writer.bytes), .success([]), .programUnavailable, .systemError,
    ]
    var reply = RPCReply(
      transactionID: call.transactionID, outcomes[Int.random(in: 0..<4, using: &random)]
    ).message
    if Int.random(in: 0..<4, using: &random) == 0 {
      reply[Int.random(in: 0..<reply.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
    }
    carryOut(instance.onDatagram(reply, fromPort: port, now: now))
  }

  private mutating func fireTimers() {
    for (timer, at) in timers where at <= now { carryOut(instance.onTimer(timer, now: now)) }
    timers.removeAll { $0.at <= now }
  }

  private mutating func take(_ path: WritableKeyPath<HostileWorld, [UInt64]>) -> UInt64? {
    guard !self[keyPath: path].isEmpty else { return nil }
    return self[keyPath: path].remove(at: Int.random(in: 0..<self[keyPath: path].count, using: &random))
  }

  // What goes out

  private mutating func carryOut(_ directives: [StatusMonitorDirective]) {
    for directive in directives {
      switch directive {
      case .change(let changes, let ticket):
        for change in changes {
          let name = change.client.text
          if name.contains("/") || name.hasPrefix(".") || name.utf8.count > 255 { failure = "file \(name)" }
          if let record = change.applied(to: nil), !record.problems.isEmpty { failure = "\(record.problems)" }
        }
        writes.append(ticket)
      case .mirror(_, identity: _, let ticket): mirrorings.append(ticket)
      case .report: break
      case .reply(let request, let results):
        if unanswered.remove(request.number) == nil { failure = "call \(request.number) is answered twice" }
        if results.count > 8 { failure = "an answer of \(results.count) bytes" }
      case .resolve(let name, let lookup):
        if name.isEmpty || name.utf8.count > 255 || name.contains("/") { failure = "resolves \(name)" }
        lookups.append(lookup)
      case .send(let bytes, let port): sent.append((bytes, port))
      case .timer(let timer, let at): timers.append((timer, at))
      case .tell(let event):
        if event.description.utf8.contains(where: { $0 < 0x20 }) { failure = "control characters in the log" }
      }
    }
  }

  private mutating func check() {
    // Records that were there at the start may be more than the limit.
    if instance.monitoredHosts > limits.hosts + 5 { failure = "\(instance.monitoredHosts) hosts" }
    if lookups.count > limits.lookupsAtOnce { failure = "\(lookups.count) lookups at once" }
    sent = Array(sent.suffix(200))
  }

  /// Time passes, and nothing more happens: every call has its answer then.
  mutating func finish() {
    for _ in 0..<100 where failure == nil {
      now += .seconds(1)
      fireTimers()
    }
    if !unanswered.isEmpty, failure == nil { failure = "\(unanswered.count) calls were never answered" }
  }
}
