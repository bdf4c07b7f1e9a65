public import ONCRPC

/// The status monitor's RPC program and what its procedures take and return.
///
/// A lock manager asks its own host's status monitor to watch a peer (`SM_MON`). When a host restarts, its
/// status monitor tells every peer that it watched (`SM_NOTIFY`), and the peer's status monitor calls back the
/// lock manager that had asked. Source: X/Open XNFS, chapter 11, and `sm_inter.x`, which Linux uses.
public enum StatusMonitorProgram {
  /// The program's number.
  public static let number: UInt32 = 100_024
  /// Its only version.
  public static let version: UInt32 = 1
  /// `SM_MAXSTRLEN`: the longest name, in bytes.
  public static let maximumNameBytes = 1_024

  /// The procedures.
  public enum Procedure: UInt32, Sendable {
    /// Does nothing; shows that the status monitor answers.
    case null = 0
    /// `SM_STAT`: would this peer be watched? ``PeerName`` → ``MonitorResult``.
    case status = 1
    /// `SM_MON`: watch a peer. ``MonitorRequest`` → ``MonitorResult``.
    case monitor = 2
    /// `SM_UNMON`: watch it no more. ``MonitorIdentity`` → ``StateNumber`` as an `int`.
    case unmonitor = 3
    /// `SM_UNMON_ALL`: forget everything that this program asked for. ``CallbackTarget`` → a state number.
    case unmonitorAll = 4
    /// `SM_SIMU_CRASH`: behave as after a restart.
    case simulateCrash = 5
    /// `SM_NOTIFY`: a host restarted. ``RestartNotice`` → nothing.
    case notify = 6
  }

  /// The result of `SM_UNMON` and `SM_UNMON_ALL` (`struct sm_stat`): the status monitor's own state number.
  public static func state(results: [UInt8]) throws(XDRError) -> Int32 {
    var reader = XDRReader(results)
    let state = try reader.int32()
    try reader.finish()
    return state
  }
}

/// The argument of `SM_STAT`: `struct sm_name`.
public struct PeerName: Equatable, Sendable {
  /// `mon_name`, at most 1024 bytes.
  public var monName: [UInt8]

  /// The peer of that name.
  public init(monName: [UInt8]) { self.monName = monName }

  /// The argument in XDR.
  public func encoded() throws(XDRError) -> [UInt8] {
    var writer = XDRWriter()
    try writer.opaque(monName, atMost: StatusMonitorProgram.maximumNameBytes)
    return writer.bytes
  }
}

/// Who is to be called back: `struct my_id`.
public struct CallbackTarget: Hashable, Sendable {
  /// `my_name`, the host that asks, at most 1024 bytes.
  public var myName: [UInt8]
  /// The program to call back: 100021, the lock manager, is the only one that statd allows.
  public var program: UInt32
  /// Its version.
  public var version: UInt32
  /// Its procedure.
  public var procedure: UInt32

  /// The lock manager's callback as Linux registers it, unless told otherwise.
  public init(myName: [UInt8], program: UInt32 = 100_021, version: UInt32 = 3, procedure: UInt32 = 16) {
    self.myName = myName
    self.program = program
    self.version = version
    self.procedure = procedure
  }

  /// The argument of `SM_UNMON_ALL` in XDR.
  public func encoded() throws(XDRError) -> [UInt8] {
    var writer = XDRWriter()
    try write(to: &writer)
    return writer.bytes
  }

  func write(to writer: inout XDRWriter) throws(XDRError) {
    try writer.opaque(myName, atMost: StatusMonitorProgram.maximumNameBytes)
    writer.uint32(program)
    writer.uint32(version)
    writer.uint32(procedure)
  }
}

/// Which peer, and for whom: `struct mon_id`, the argument of `SM_UNMON`.
public struct MonitorIdentity: Hashable, Sendable {
  /// `mon_name`, the peer, at most 1024 bytes.
  public var monName: [UInt8]
  /// Who is to be called back.
  public var target: CallbackTarget

  /// This peer, for this target.
  public init(monName: [UInt8], target: CallbackTarget) {
    self.monName = monName
    self.target = target
  }

  /// The argument in XDR.
  public func encoded() throws(XDRError) -> [UInt8] {
    var writer = XDRWriter()
    try write(to: &writer)
    return writer.bytes
  }

  func write(to writer: inout XDRWriter) throws(XDRError) {
    try writer.opaque(monName, atMost: StatusMonitorProgram.maximumNameBytes)
    try target.write(to: &writer)
  }
}

/// The argument of `SM_MON`: `struct mon`.
public struct MonitorRequest: Equatable, Sendable {
  /// Which peer, and for whom.
  public var identity: MonitorIdentity
  /// `priv`: 16 bytes that come back with the callback.
  public var cookie: [UInt8]

  /// Watch this peer; `cookie` has 16 bytes.
  public init(identity: MonitorIdentity, cookie: [UInt8]) {
    self.identity = identity
    self.cookie = cookie
  }

  /// The argument in XDR.
  ///
  /// - Throws: ``XDRError`` where a name or the cookie doesn't have the length that the protocol allows.
  public func encoded() throws(XDRError) -> [UInt8] {
    var writer = XDRWriter()
    try identity.write(to: &writer)
    try writer.cookie(cookie)
    return writer.bytes
  }
}

/// The result of `SM_MON` and `SM_STAT`: `struct sm_stat_res`.
public struct MonitorResult: Equatable, Sendable {
  /// Whether the peer is watched from now on (`stat_succ`).
  public var isSuccess: Bool
  /// The status monitor's own state number; -1 from statd where it refused.
  public var state: Int32

  /// Reads the result.
  public init(results: [UInt8]) throws(XDRError) {
    var reader = XDRReader(results)
    switch try reader.uint32() {
    case 0: isSuccess = true
    case 1: isSuccess = false
    case let other: throw .unknownValue(other, type: "res (0 success, 1 failure)")
    }
    state = try reader.int32()
    try reader.finish()
  }
}

/// The argument of `SM_NOTIFY`: `struct stat_chge`, "I am `monName`, and this is my new state".
public struct RestartNotice: Equatable, Sendable {
  /// `mon_name`, the host that restarted, by a name its peers know; at most 1024 bytes.
  public var monName: [UInt8]
  /// Its new state number.
  public var state: Int32

  /// A restart of this host.
  public init(monName: [UInt8], state: Int32) {
    self.monName = monName
    self.state = state
  }

  /// Reads the argument.
  public init(arguments: [UInt8]) throws(XDRError) {
    var reader = XDRReader(arguments)
    monName = try reader.opaque(atMost: StatusMonitorProgram.maximumNameBytes)
    state = try reader.int32()
    try reader.finish()
  }

  /// The argument in XDR.
  public func encoded() throws(XDRError) -> [UInt8] {
    var writer = XDRWriter()
    try writer.opaque(monName, atMost: StatusMonitorProgram.maximumNameBytes)
    writer.int32(state)
    return writer.bytes
  }
}

/// What a status monitor tells the lock manager that had asked: `struct status`.
public struct RestartCallback: Equatable, Sendable {
  /// `mon_name`, as the lock manager gave it in `SM_MON`.
  public var monName: [UInt8]
  /// The peer's new state number.
  public var state: Int32
  /// `priv`: the 16 bytes of the `SM_MON`.
  public var cookie: [UInt8]

  /// The peer of that name restarted.
  public init(monName: [UInt8], state: Int32, cookie: [UInt8]) {
    self.monName = monName
    self.state = state
    self.cookie = cookie
  }

  /// Reads the argument of the callback.
  public init(arguments: [UInt8]) throws(XDRError) {
    var reader = XDRReader(arguments)
    monName = try reader.opaque(atMost: StatusMonitorProgram.maximumNameBytes)
    state = try reader.int32()
    cookie = try reader.opaque(count: 16)
    try reader.finish()
  }

  /// The argument in XDR.
  public func encoded() throws(XDRError) -> [UInt8] {
    var writer = XDRWriter()
    try writer.opaque(monName, atMost: StatusMonitorProgram.maximumNameBytes)
    writer.int32(state)
    try writer.cookie(cookie)
    return writer.bytes
  }

  /// ``monName`` in printable form, as ``MonitorLine/monName``.
  public var printableMonName: String { printableText(monName) }
}

extension XDRWriter {
  /// `SM_PRIV_SIZE` bytes, no more and no less.
  fileprivate mutating func cookie(_ bytes: [UInt8]) throws(XDRError) {
    guard bytes.count <= 16 else { throw .tooLong(length: bytes.count, limit: 16) }
    guard bytes.count == 16 else { throw .truncated(needed: 16 - bytes.count, offset: bytes.count) }
    opaque(fixed: bytes)
  }
}
