public import ONCRPC

/// A call of the status monitor's program, read and checked for size.
public enum StatusMonitorCall: Equatable, Sendable {
  /// `SM_NULL`
  case null
  /// `SM_STAT`
  case status(PeerName)
  /// `SM_MON`
  case monitor(MonitorRequest)
  /// `SM_UNMON`
  case unmonitor(MonitorIdentity)
  /// `SM_UNMON_ALL`
  case unmonitorAll(CallbackTarget)
  /// `SM_SIMU_CRASH`
  case simulateCrash
  /// `SM_NOTIFY`
  case notify(RestartNotice)

  /// The longest call with all its names and credentials, in bytes, rounded up: more is no call of this program.
  public static let maximumMessageBytes = 4_096

  /// Why a call is answered with something else than results.
  public struct Refusal: Error, Equatable, Sendable {
    /// What the caller gets instead.
    public let outcome: RPCReply.Outcome
  }

  /// Reads a call.
  ///
  /// - Parameters:
  ///   - call: the head of the message.
  ///   - arguments: what follows it.
  /// - Throws: ``Refusal`` for another program, version or procedure, and for arguments that can't be read
  ///   (RFC 5531, section 9).
  public init(_ call: RPCCall, arguments: [UInt8]) throws(Refusal) {
    guard call.program == StatusMonitorProgram.number else { throw Refusal(outcome: .programUnavailable) }
    guard call.version == StatusMonitorProgram.version else {
      throw Refusal(
        outcome: .programMismatch(low: StatusMonitorProgram.version, high: StatusMonitorProgram.version))
    }
    guard let procedure = StatusMonitorProgram.Procedure(rawValue: call.procedure) else {
      throw Refusal(outcome: .procedureUnavailable)
    }
    do throws(XDRError) {
      var reader = XDRReader(arguments)
      switch procedure {
      case .null: self = .null
      case .simulateCrash: self = .simulateCrash
      case .status: self = .status(PeerName(monName: try reader.name()))
      case .monitor:
        let identity = try MonitorIdentity(from: &reader)
        self = .monitor(MonitorRequest(identity: identity, cookie: try reader.opaque(count: 16)))
      case .unmonitor: self = .unmonitor(try MonitorIdentity(from: &reader))
      case .unmonitorAll: self = .unmonitorAll(try CallbackTarget(from: &reader))
      case .notify: self = .notify(RestartNotice(monName: try reader.name(), state: try reader.int32()))
      }
      try reader.finish()
    } catch {
      throw Refusal(outcome: .garbageArguments)
    }
  }
}

extension MonitorIdentity {
  init(from reader: inout XDRReader) throws(XDRError) {
    monName = try reader.name()
    target = try CallbackTarget(from: &reader)
  }
}

extension CallbackTarget {
  init(from reader: inout XDRReader) throws(XDRError) {
    myName = try reader.name()
    program = try reader.uint32()
    version = try reader.uint32()
    procedure = try reader.uint32()
  }
}

extension XDRReader {
  fileprivate mutating func name() throws(XDRError) -> [UInt8] {
    try opaque(atMost: StatusMonitorProgram.maximumNameBytes)
  }
}

extension MonitorResult {
  /// A result; statd's state number is -1 where it refuses.
  public init(isSuccess: Bool, state: Int32) {
    self.isSuccess = isSuccess
    self.state = state
  }

  /// The result in XDR.
  public var encoded: [UInt8] {
    var writer = XDRWriter()
    writer.uint32(isSuccess ? 0 : 1)
    writer.int32(state)
    return writer.bytes
  }
}

extension StatusMonitorProgram {
  /// `struct sm_stat` in XDR: the result of `SM_UNMON` and `SM_UNMON_ALL`.
  static func results(state: Int32) -> [UInt8] {
    var writer = XDRWriter()
    writer.int32(state)
    return writer.bytes
  }
}
