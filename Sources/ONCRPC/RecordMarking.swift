/// Record marking (RFC 5531, section 11): how messages follow each other on a TCP connection.
///
/// A record is one or more fragments, each behind 4 bytes: the highest bit says "last fragment", the others
/// hold its length.
public enum RecordMarking {
  static let lastFragment: UInt32 = 0x8000_0000

  /// A message as one record.
  ///
  /// - Parameter fragmentBytes: the most that goes into one fragment, 1...2³¹−1.
  public static func record(of message: [UInt8], fragmentBytes: Int = 0x7fff_ffff) -> [UInt8] {
    precondition((1...0x7fff_ffff).contains(fragmentBytes), "a fragment has 1 to 2³¹−1 bytes")
    var record: [UInt8] = []
    var rest = message[...]
    repeat {
      let fragment = rest.prefix(fragmentBytes)
      rest = rest.dropFirst(fragment.count)
      let mark = UInt32(fragment.count) | (rest.isEmpty ? lastFragment : 0)
      withUnsafeBytes(of: mark.bigEndian) { record.append(contentsOf: $0) }
      record.append(contentsOf: fragment)
    } while !rest.isEmpty
    return record
  }
}

/// Puts the messages together that arrive on a TCP connection, however the bytes are cut on the way.
public struct RecordAssembler: Sendable {
  private let limit: Int
  private var waiting: [UInt8] = []
  private var message: [UInt8] = []
  private var hasBegun = false

  /// - Parameter limit: the longest message that is accepted, in bytes.
  public init(limit: Int) { self.limit = limit }

  /// Whether a message has begun and isn't complete.
  public var isInMidst: Bool { hasBegun || !waiting.isEmpty }

  /// Takes what arrived and returns the messages that it completes.
  ///
  /// - Throws: ``XDRError/tooLong(length:limit:)`` as soon as a mark announces more than the limit; the
  ///   connection can't be used any more then.
  public mutating func receive(_ bytes: some Collection<UInt8>) throws(XDRError) -> [[UInt8]] {
    waiting.append(contentsOf: bytes)
    var messages: [[UInt8]] = []
    var rest = waiting[...]
    defer { waiting = Array(rest) }
    while rest.count >= 4 {
      let mark = rest.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      let length = Int(mark & ~RecordMarking.lastFragment)
      guard message.count + length <= limit else {
        throw .tooLong(length: message.count + length, limit: limit)
      }
      guard rest.count - 4 >= length else { break }
      message.append(contentsOf: rest.dropFirst(4).prefix(length))
      hasBegun = true
      rest = rest.dropFirst(4 + length)
      if mark & RecordMarking.lastFragment != 0 {
        messages.append(message)
        message = []
        hasBegun = false
      }
    }
    return messages
  }
}
