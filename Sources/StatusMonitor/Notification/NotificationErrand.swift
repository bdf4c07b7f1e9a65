public import ONCRPC

/// What is said to every client's status monitor.
///
/// Its calls have fixed numbers: first the look-ups of the status monitor's port, then what is to be said there.
/// A call keeps its transaction number however often it is sent, so that the client's RPC service can tell a
/// repetition from news, and a late answer still counts.
public struct NotificationErrand: Sendable, Equatable {
  /// What the status monitor is called for.
  public enum Purpose: Sendable, Equatable {
    /// `SM_NOTIFY`: this server, under each of these names, has restarted and has this number.
    case tell(names: [String], number: StateNumber)
    /// The NULL procedure: shows that the status monitor can be reached, and tells it nothing.
    case drill
  }

  /// Most names under which a client is told.
  public static let mostNames = 30

  /// What for.
  public let purpose: Purpose
  /// The messages, with transaction number 0, in the order of their numbers.
  private let messages: [[UInt8]]

  /// An errand.
  ///
  /// - Throws: ``XDRError`` where a name is longer than the protocol allows (1024 bytes), where there are more than
  ///   ``mostNames``, or none.
  public init(_ purpose: Purpose) throws(XDRError) {
    self.purpose = purpose
    let program = StatusMonitorProgram.number
    let version = StatusMonitorProgram.version
    func lookUp(_ rpcbindVersion: UInt32, _ arguments: [UInt8]) throws(XDRError) -> [UInt8] {
      try RPCCall(
        transactionID: 0, program: PortMap.program, version: rpcbindVersion, procedure: PortMap.lookUp
      ).message(arguments: arguments)
    }
    let universal = try PortMap.addressArguments(program: program, version: version, netID: "udp6")
    var messages = [
      try lookUp(
        PortMap.portMapperVersion,
        PortMap.portArguments(program: program, version: version, transport: PortMap.udp)),
      try lookUp(4, universal),
      try lookUp(3, universal),
    ]
    switch purpose {
    case .tell(let names, let number):
      guard !names.isEmpty else { throw .truncated(needed: 1, offset: 0) }
      guard names.count <= Self.mostNames else { throw .tooLong(length: names.count, limit: Self.mostNames) }
      for name in names {
        let notice = RestartNotice(monName: Array(name.utf8), state: number.value)
        messages.append(
          try RPCCall(
            transactionID: 0, program: program, version: version,
            procedure: StatusMonitorProgram.Procedure.notify.rawValue
          ).message(arguments: try notice.encoded()))
      }
    case .drill:
      messages.append(
        try RPCCall(
          transactionID: 0, program: program, version: version,
          procedure: StatusMonitorProgram.Procedure.null.rawValue
        ).message())
    }
    self.messages = messages
  }

  /// A look-up of the port, or something that is said there.
  public enum Call: Hashable, Sendable {
    /// `PMAPPROC_GETPORT` of version 2, for IPv4 (RFC 1833).
    case port
    /// `RPCBPROC_GETADDR` of version 4 or 3, for IPv6 (RFC 1833).
    case universalAddress(version: UInt8)
    /// What the errand is for, by the `index`th name, 0 in a drill.
    case say(index: UInt8)

    var number: Int {
      switch self {
      case .port: 0
      case .universalAddress(let version): version == 4 ? 1 : 2
      case .say(let index): 3 + Int(index)
      }
    }

    init(number: Int) {
      switch number {
      case 0: self = .port
      case 1: self = .universalAddress(version: 4)
      case 2: self = .universalAddress(version: 3)
      default: self = .say(index: UInt8(truncatingIfNeeded: number - 3))
      }
    }

    var isLookUp: Bool { number < 3 }

    /// One bit for each call, those of the look-ups below the others.
    var bit: UInt64 { 1 << UInt64(number) }
    static let lookUpBits: UInt64 = 0b111
  }

  /// How many calls there are, the look-ups among them.
  var callCount: Int { messages.count }

  /// How many things are said to each client.
  public var sayings: Int { messages.count - 3 }

  /// A bit for everything that is said.
  var everything: UInt32 { (1 << UInt32(sayings)) - 1 }

  /// The names, in the order in which they are said; empty in a drill.
  public var names: [String] {
    switch purpose {
    case .tell(let names, number: _): names
    case .drill: []
    }
  }

  /// The call's message with this transaction number.
  public func message(_ call: Call, transactionID: UInt32) -> [UInt8] {
    var message = messages[call.number]
    withUnsafeBytes(of: transactionID.bigEndian) { message.replaceSubrange(0..<4, with: $0) }
    return message
  }

  /// The look-up of the status monitor's TCP port, to be sent over TCP to rpcbind.
  public func streamLookUp(isIPv6: Bool, rpcbindVersion: UInt32, transactionID: UInt32) throws(XDRError)
    -> [UInt8]
  {
    let program = StatusMonitorProgram.number
    let version = StatusMonitorProgram.version
    return try RPCCall(
      transactionID: transactionID, program: PortMap.program,
      version: isIPv6 ? rpcbindVersion : PortMap.portMapperVersion, procedure: PortMap.lookUp
    ).message(
      arguments: isIPv6
        ? try PortMap.addressArguments(program: program, version: version, netID: "tcp6")
        : PortMap.portArguments(program: program, version: version, transport: PortMap.tcp))
  }
}
