/// What rpc.statd told its callout (nfs-utils, utils/statd/monitor.c and notify handling), or a question of ours.
public enum CalloutRequest: Sendable, Equatable {
  /// statd has written the record of `monName`, which asks for a lock through `myName`, and waits.
  case addClient(Names)
  /// statd is about to forget `monName`; its record is still there.
  case deleteClient(Names)
  /// `monName` says that it has restarted.
  case restart(Restart)
  /// Nobody but an operator's check asks: does the daemon answer?
  case ping

  /// Both names of a monitored peer, byte for byte as statd has them.
  public struct Names: Sendable, Equatable {
    /// The peer, 1 to 1024 bytes without NUL.
    public let monName: [UInt8]
    /// Who asked for the monitoring, 0 to 1024 bytes without NUL.
    public let myName: [UInt8]

    /// - Throws: ``CalloutProtocolError/name``.
    public init(monName: [UInt8], myName: [UInt8]) throws(CalloutProtocolError) {
      self.monName = try checked(monName)
      self.myName = try checked(myName, mayBeEmpty: true)
    }
  }

  /// A received SM_NOTIFY. Anybody on the network can send one.
  public struct Restart: Sendable, Equatable {
    /// Who says that it has restarted, 1 to 1024 bytes without NUL.
    public let monName: [UInt8]
    /// From which address that came, as text, 0 to 1024 bytes without NUL.
    public let source: [UInt8]
    /// Its new state number; nil where statd passed none (it leaves negative numbers out).
    public let state: Int32?
    /// When, in seconds since 1970.
    public let at: UInt64

    /// - Throws: ``CalloutProtocolError/name``, or `number` for a negative state.
    public init(
      monName: [UInt8], source: [UInt8], state: Int32?, at: UInt64
    ) throws(CalloutProtocolError) {
      self.monName = try checked(monName)
      self.source = try checked(source, mayBeEmpty: true)
      if let state, state < 0 { throw .number }
      self.state = state
      self.at = at
    }
  }

  /// The message.
  public var bytes: [UInt8] {
    switch self {
    case .addClient(let names): CalloutFrame.encode(kind: 1, string(names.monName) + string(names.myName))
    case .deleteClient(let names): CalloutFrame.encode(kind: 2, string(names.monName) + string(names.myName))
    case .restart(let restart):
      CalloutFrame.encode(
        kind: 3,
        string(restart.monName) + string(restart.source)
          + number(UInt64(UInt32(bitPattern: restart.state ?? -1)), width: 4)
          + number(restart.at, width: 8))
    case .ping: CalloutFrame.encode(kind: 4, [])
    }
  }

  /// Reads a whole message; every length is checked, and nothing may follow.
  ///
  /// - Throws: ``CalloutProtocolError``.
  public init(_ bytes: [UInt8]) throws(CalloutProtocolError) {
    let (kind, body) = try CalloutFrame.body(bytes)
    var reader = BodyReader(rest: body)
    switch kind {
    case 1: self = .addClient(try Names(monName: reader.string(), myName: reader.string()))
    case 2: self = .deleteClient(try Names(monName: reader.string(), myName: reader.string()))
    case 3:
      let (monName, source) = (try reader.string(), try reader.string())
      let state = Int32(bitPattern: UInt32(truncatingIfNeeded: try reader.number(width: 4)))
      guard state >= -1 else { throw .number }
      self = .restart(
        try Restart(
          monName: monName, source: source, state: state == -1 ? nil : state, at: reader.number(width: 8)))
    case 4: self = .ping
    default: throw .kind(kind)
    }
    guard reader.rest.isEmpty else { throw .trailing }
  }
}

private func checked(_ name: [UInt8], mayBeEmpty: Bool = false) throws(CalloutProtocolError) -> [UInt8] {
  guard name.count <= CalloutFrame.longestName, mayBeEmpty || !name.isEmpty, !name.contains(0) else {
    throw .name
  }
  return name
}

private func number(_ value: UInt64, width: Int) -> [UInt8] {
  (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64(width - 1 - $0))) }
}

private func string(_ bytes: [UInt8]) -> [UInt8] { number(UInt64(bytes.count), width: 2) + bytes }

/// What is left of a body.
private struct BodyReader {
  var rest: ArraySlice<UInt8>

  mutating func number(width: Int) throws(CalloutProtocolError) -> UInt64 {
    guard rest.count >= width else { throw .truncated }
    defer { rest = rest.dropFirst(width) }
    return rest.prefix(width).reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func string() throws(CalloutProtocolError) -> [UInt8] {
    let count = Int(try number(width: 2))
    guard count <= CalloutFrame.longestName else { throw .name }
    guard rest.count >= count else { throw .truncated }
    defer { rest = rest.dropFirst(count) }
    return Array(rest.prefix(count))
  }
}
