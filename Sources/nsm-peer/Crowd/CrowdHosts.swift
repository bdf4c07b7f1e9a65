/// What the hosts of the crowd answer: rpcbind and a status monitor on each of them, with their faults.
///
/// Pure: messages and the time come in, replies go out.
struct CrowdHosts {
  /// Where a message arrived.
  enum Service: Equatable {
    case portMapper
    /// At the first or at the second of the status monitor's ports.
    case statusMonitor(second: Bool)
  }

  /// Whence a message came, and how.
  struct Arrival {
    let client: Int
    let service: Service
    let overTCP: Bool
    /// 16 bytes, in network order.
    let source: UnsafeRawBufferPointer
    let sourcePort: UInt16
    let now: Int64
  }

  /// How often faulty services fail before they work.
  struct Patience: Sendable {
    /// Look-ups to which a late status monitor isn't registered.
    var lookUps = 2
    /// Notifications that are answered with an error; 0 is all.
    var errorCalls = 2
  }

  /// What the dead wait for, and what makes everyone silent.
  struct Turns: Sendable {
    /// The dead come to life when so many are told.
    var revival: Int?
    /// Nobody answers any more when so many are told, until ``CrowdHosts/resume()``.
    var hold: Int?
  }

  /// What happened, for the report.
  struct Counts: Equatable {
    var lookUps = 0
    var nullCalls = 0
    var unanswered = 0
    var refused = 0
    var malformed = 0
  }

  private struct Host {
    var lookUps: UInt16 = 0
    var errors: UInt16 = 0
    var datagrams: UInt32 = 0
    var isAtSecondPort = false
    var hasMovedTwice = false
  }

  /// Nobody listens there: "discard", which no machine serves any more.
  static let closedPort: UInt16 = 9
  private static let portMapperProgram: UInt32 = 100_000
  private static let statusMonitorProgram: UInt32 = 100_024

  let addresses: ClientAddresses
  let plan: FaultPlan
  let patience: Patience
  /// The status monitor's two ports.
  let ports: (first: UInt16, second: UInt16)
  /// The dead have come to life.
  private(set) var isRevived = false
  /// Nobody answers anything for now.
  private(set) var isHeld = false
  private(set) var ledger: NotificationLedger
  private(set) var counts = Counts()
  private var turns: Turns
  private var hosts: [Host]

  init(
    addresses: ClientAddresses, plan: FaultPlan, patience: Patience, ports: (first: UInt16, second: UInt16),
    wantedNames: [[UInt8]], turns: Turns = Turns()
  ) {
    self.addresses = addresses
    self.plan = plan
    self.patience = patience
    self.ports = ports
    self.turns = turns
    ledger = NotificationLedger(clients: addresses.count, wanted: wantedNames)
    hosts = Array(repeating: Host(), count: addresses.count)
  }

  /// Those that were made silent answer again.
  mutating func resume() { isHeld = false }

  func isDead(_ client: Int) -> Bool { plan.faults[client].contains(.dead) && !isRevived }

  /// A sender that never gives up can tell this client, as things are now.
  func isTellable(_ client: Int) -> Bool {
    var faults = plan.faults[client]
    if isRevived { faults.remove(.dead) }
    return faults.isTellable(errorCalls: patience.errorCalls)
  }

  /// What becomes of a datagram, before it is looked into; nil where the client doesn't hear it.
  mutating func fate(of client: Int) -> PacketFate? {
    guard !isHeld, !isDead(client), !plan.faults[client].contains(.silentUDP) else {
      counts.unanswered += 1
      return nil
    }
    let fate = plan.fate(client: client, packet: hosts[client].datagrams)
    hosts[client].datagrams &+= 1
    return fate
  }

  /// Whether a connection is answered at all.
  func answersTCP(_ client: Int) -> Bool {
    !isHeld && !isDead(client) && !plan.faults[client].contains(.silentTCP)
  }

  /// Whether the status monitor listens there now.
  func listens(_ client: Int, at service: Service) -> Bool {
    switch service {
    case .portMapper: true
    case .statusMonitor(let second):
      !plan.faults[client].contains(.noStatusMonitor) && hosts[client].isAtSecondPort == second
    }
  }

  /// Writes the answer to a message; false where there is none.
  ///
  /// - Parameter isHeeded: false leaves everything as if the message hadn't come.
  mutating func answer(
    _ message: UnsafeRawBufferPointer, _ arrival: Arrival, isHeeded: Bool = true, into reply: inout ReplyRoom
  ) -> Bool {
    guard let call = CallView(message) else {
      counts.malformed += 1
      return false
    }
    guard listens(arrival.client, at: arrival.service) else {
      counts.unanswered += 1
      return false
    }
    guard call.rpcVersion == 2 else {
      reply.rpcMismatch(call.transactionID)
      return true
    }
    switch arrival.service {
    case .portMapper: answerLookUp(call, arrival, isHeeded, &reply)
    case .statusMonitor: answerStatusMonitor(call, arrival, isHeeded, &reply)
    }
    return true
  }

  // rpcbind (RFC 1833)

  private mutating func answerLookUp(
    _ call: CallView, _ arrival: Arrival, _ isHeeded: Bool, _ reply: inout ReplyRoom
  ) {
    let isOld = plan.faults[arrival.client].contains(.oldPortMapper)
    let versions: ClosedRange<UInt32> = addresses.isIPv6 ? 3...(isOld ? 3 : 4) : 2...(isOld ? 2 : 4)
    guard call.program == Self.portMapperProgram else { return reply.accepted(call.transactionID, status: 1) }
    guard versions.contains(call.version) else { return reply.programMismatch(call.transactionID, versions) }
    // PMAPPROC_GETPORT and RPCBPROC_GETADDR share their number.
    switch call.procedure {
    case 0:
      counts.nullCalls += 1
      reply.accepted(call.transactionID, status: 0)
    case 3:
      guard let (program, overTCP) = question(call) else {
        counts.malformed += 1
        return reply.accepted(call.transactionID, status: 4)
      }
      counts.lookUps += 1
      let port = registeredPort(arrival.client, program: program, overTCP: overTCP, isHeeded)
      reply.accepted(call.transactionID, status: 0)
      if call.version == 2 {
        reply.uint32(UInt32(port))
      } else if port == 0 {
        reply.string([])
      } else {
        // A universal address ends in the two bytes of the port (RFC 5665, section 5.2.3).
        reply.string("\(addresses.text(of: arrival.client)).\(port >> 8).\(port & 0xff)".utf8)
      }
    default: reply.accepted(call.transactionID, status: 3)
    }
  }

  /// Which program is looked for, and over what.
  private func question(_ call: CallView) -> (program: UInt32, overTCP: Bool)? {
    var arguments = call.arguments
    guard let program = arguments.uint32(), arguments.uint32() != nil else { return nil }
    if call.version == 2 {
      guard let transport = arguments.uint32(), arguments.uint32() != nil else { return nil }
      return (program, transport == 6)
    }
    guard let netID = arguments.opaque(atMost: 64), arguments.opaque(atMost: 1_024) != nil,
      arguments.opaque(atMost: 1_024) != nil
    else { return nil }
    return (program, netID.first == UInt8(ascii: "t"))
  }

  /// 0 where it isn't registered.
  private mutating func registeredPort(
    _ client: Int, program: UInt32, overTCP: Bool, _ isHeeded: Bool
  ) -> UInt16 {
    if program == Self.portMapperProgram { return 111 }
    let faults = plan.faults[client]
    guard program == Self.statusMonitorProgram, !faults.contains(.noStatusMonitor) else { return 0 }
    if isHeeded, hosts[client].lookUps < .max { hosts[client].lookUps += 1 }
    if faults.contains(.lateStatusMonitor) && Int(hosts[client].lookUps) <= patience.lookUps { return 0 }
    if faults.contains(.closedUDP) && !overTCP { return Self.closedPort }
    let port = hosts[client].isAtSecondPort ? ports.second : ports.first
    // It is there no more when the caller comes.
    if isHeeded, faults.contains(.moving), !hosts[client].isAtSecondPort, !hosts[client].hasMovedTwice {
      hosts[client].isAtSecondPort = true
    }
    return port
  }

  // The status monitor

  private mutating func answerStatusMonitor(
    _ call: CallView, _ arrival: Arrival, _ isHeeded: Bool, _ reply: inout ReplyRoom
  ) {
    guard call.program == Self.statusMonitorProgram else {
      return reply.accepted(call.transactionID, status: 1)
    }
    guard call.version == 1 else { return reply.programMismatch(call.transactionID, 1...1) }
    switch call.procedure {
    case 0:
      counts.nullCalls += 1
      reply.accepted(call.transactionID, status: 0)
    case 6:
      if refuses(call, arrival, isHeeded, &reply) { return }
      var arguments = call.arguments
      guard let name = arguments.opaque(atMost: 1_024), let state = arguments.uint32(), arguments.isAtEnd
      else {
        counts.malformed += 1
        return reply.accepted(call.transactionID, status: 4)
      }
      if isHeeded { heed(name, Int32(bitPattern: state), arrival) }
      reply.accepted(call.transactionID, status: 0)
    default: reply.accepted(call.transactionID, status: 3)
    }
  }

  private mutating func refuses(
    _ call: CallView, _ arrival: Arrival, _ isHeeded: Bool, _ reply: inout ReplyRoom
  ) -> Bool {
    let faults = plan.faults[arrival.client]
    guard !faults.isDisjoint(with: .errors),
      patience.errorCalls == 0 || Int(hosts[arrival.client].errors) < patience.errorCalls
    else { return false }
    if isHeeded, hosts[arrival.client].errors < .max { hosts[arrival.client].errors += 1 }
    counts.refused += 1
    if faults.contains(.programUnavailable) {
      reply.accepted(call.transactionID, status: 1)
    } else if faults.contains(.systemError) {
      reply.accepted(call.transactionID, status: 5)
    } else {
      reply.tooWeak(call.transactionID)
    }
    return true
  }

  private mutating func heed(_ name: UnsafeRawBufferPointer, _ state: Int32, _ arrival: Arrival) {
    ledger.record(
      client: arrival.client, name: name, state: state, overTCP: arrival.overTCP, source: arrival.source,
      sourcePort: arrival.sourcePort, now: arrival.now)
    if hosts[arrival.client].isAtSecondPort, plan.faults[arrival.client].contains(.moving) {
      hosts[arrival.client].isAtSecondPort = false
      hosts[arrival.client].hasMovedTwice = true
    }
    takeTurns()
  }

  private mutating func takeTurns() {
    if let number = turns.revival, ledger.told >= number {
      turns.revival = nil
      isRevived = true
    }
    if let number = turns.hold, ledger.told >= number {
      turns.hold = nil
      isHeld = true
    }
  }
}
