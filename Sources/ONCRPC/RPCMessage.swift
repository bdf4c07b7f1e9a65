/// Message types and the version of RPC itself (RFC 5531, section 9).
enum RPCMessage {
  static let call: UInt32 = 0
  static let reply: UInt32 = 1
  static let rpcVersion: UInt32 = 2
}

/// Why bytes can't be taken as the call or the reply that was expected.
public enum RPCMessageError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The bytes aren't a message.
  case malformed(XDRError)
  /// A reply where a call was expected, the other way round, or neither.
  case unexpectedType(UInt32)
  /// A call in another version of RPC; it deserves the answer ``RPCReply/Outcome/versionMismatch(low:high:)``.
  case unsupportedVersion(UInt32, transactionID: UInt32)

  /// One sentence without a full stop.
  public var description: String {
    switch self {
    case .malformed(let error): error.description
    case .unexpectedType(let type): "\(type) isn't the type of message that was expected"
    case .unsupportedVersion(let version, transactionID: _): "the call is in version \(version) of RPC, not 2"
    }
  }
}
