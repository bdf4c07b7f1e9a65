/// Why bytes aren't the XDR (RFC 4506) that was expected, or a value can't be written as such.
public enum XDRError: Error, Equatable, Sendable, CustomStringConvertible {
  /// `needed` bytes were wanted at `offset`, and the data ends before.
  case truncated(needed: Int, offset: Int)
  /// A variable-length item has `length` bytes or elements, more than the `limit` its type allows.
  case tooLong(length: Int, limit: Int)
  /// A number that stands for no value of `type`.
  case unknownValue(UInt32, type: String)
  /// Text of a form that `type` does not have.
  case unreadableText(type: String)
  /// `count` bytes are left after everything that was expected.
  case trailing(count: Int)

  /// One sentence without a full stop.
  public var description: String {
    switch self {
    case .truncated(let needed, let offset): "the data ends: \(needed) bytes are missing at byte \(offset)"
    case .tooLong(let length, let limit): "an item of length \(length) is longer than the \(limit) allowed"
    case .unknownValue(let value, let type): "\(value) is no \(type)"
    case .unreadableText(let type): "the text is no \(type)"
    case .trailing(let count): "\(count) bytes follow the end of the message"
    }
  }
}
