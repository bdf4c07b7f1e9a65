/// What request and reply begin with: `LFCO`, the version, a kind, and the length of what follows.
///
/// Numbers are big-endian. A connection carries one request and one reply.
public enum CalloutFrame {
  /// The version that this program speaks; another one is refused.
  public static let version: UInt8 = 1
  /// Of the beginning, in bytes.
  public static let headerLength = 8
  /// The longest body, in bytes: two names of the longest kind, their lengths, and the numbers of a notification.
  public static let longestBody = 2 * (2 + longestName) + 16
  /// The longest name, in bytes: `SM_MAXSTRLEN` of the NSM protocol (X/Open XNFS ch. 11).
  public static let longestName = 1024

  static let magic = Array("LFCO".utf8)

  /// What the beginning says of the rest.
  public struct Header: Sendable, Equatable {
    /// What kind of request or reply it is.
    public var kind: UInt8
    /// How long the body is, in bytes.
    public var bodyLength: Int
  }

  /// Reads the beginning.
  ///
  /// - Parameter bytes: at least ``headerLength`` of them.
  /// - Throws: ``CalloutProtocolError`` where it is none, of another version, or too long.
  public static func header(_ bytes: [UInt8]) throws(CalloutProtocolError) -> Header {
    guard bytes.count >= headerLength else { throw .truncated }
    guard bytes.prefix(4).elementsEqual(magic) else { throw .foreign }
    guard bytes[4] == version else { throw .version(bytes[4]) }
    let length = Int(bytes[6]) << 8 | Int(bytes[7])
    guard length <= longestBody else { throw .tooLong }
    return Header(kind: bytes[5], bodyLength: length)
  }

  /// Beginning and body. `body` must not be longer than ``longestBody``, which both messages see to.
  static func encode(kind: UInt8, _ body: [UInt8]) -> [UInt8] {
    magic + [
      version, kind, UInt8(truncatingIfNeeded: body.count >> 8), UInt8(truncatingIfNeeded: body.count),
    ]
      + body
  }

  /// The body of a whole frame, with nothing after it.
  static func body(_ frame: [UInt8]) throws(CalloutProtocolError) -> (kind: UInt8, body: ArraySlice<UInt8>) {
    let header = try header(frame)
    guard frame.count >= headerLength + header.bodyLength else { throw .truncated }
    guard frame.count == headerLength + header.bodyLength else { throw .trailing }
    return (header.kind, frame[headerLength...])
  }
}

/// Why bytes are no message.
public enum CalloutProtocolError: Error, Sendable, Equatable, CustomStringConvertible {
  /// It ends too early.
  case truncated
  /// Something follows the end.
  case trailing
  /// It doesn't begin as a message does.
  case foreign
  /// Another version of the protocol.
  case version(UInt8)
  /// Longer than any message.
  case tooLong
  /// A kind that this version doesn't have.
  case kind(UInt8)
  /// A name that no program can pass: empty, longer than 1024 bytes, or with a NUL.
  case name
  /// A number out of its range.
  case number
  /// A text that isn't UTF-8.
  case text

  /// For people.
  public var description: String {
    switch self {
    case .truncated: "the message ends too early"
    case .trailing: "something follows the message"
    case .foreign: "this is no message of lockferry-callout"
    case .version(let version):
      "protocol version \(version), and this program speaks version \(CalloutFrame.version): install lockferry and "
        + "lockferry-callout of one version"
    case .tooLong: "the message is too long"
    case .kind(let kind): "messages of kind \(kind) are unknown"
    case .name: "a name is empty, longer than \(CalloutFrame.longestName) bytes, or has a NUL"
    case .number: "a number is out of its range"
    case .text: "the text is not UTF-8"
    }
  }
}
