/// Writes XDR (RFC 4506).
public struct XDRWriter: Sendable {
  /// What was written so far; always a multiple of 4 bytes.
  public private(set) var bytes: [UInt8] = []

  /// Starts with nothing.
  public init() {}

  /// An `unsigned int` (section 4.2).
  public mutating func uint32(_ value: UInt32) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }

  /// An `int` (section 4.1).
  public mutating func int32(_ value: Int32) { uint32(UInt32(bitPattern: value)) }

  /// An `unsigned hyper` (section 4.5).
  public mutating func uint64(_ value: UInt64) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }

  /// A `bool` (section 4.4).
  public mutating func bool(_ value: Bool) { uint32(value ? 1 : 0) }

  /// Fixed-length opaque data, padded with zeroes to a multiple of 4 (section 4.9).
  public mutating func opaque(fixed data: [UInt8]) {
    bytes.append(contentsOf: data)
    bytes.append(contentsOf: repeatElement(0, count: -data.count & 3))
  }

  /// Variable-length opaque data or a string: its length, the bytes, padding (sections 4.10 and 4.11).
  ///
  /// - Parameter limit: the most bytes that the type allows; ``XDRError/tooLong(length:limit:)`` beyond.
  public mutating func opaque(_ data: [UInt8], atMost limit: Int) throws(XDRError) {
    guard data.count <= limit else { throw .tooLong(length: data.count, limit: limit) }
    uint32(UInt32(data.count))
    opaque(fixed: data)
  }

  /// Bytes that are XDR already.
  ///
  /// - Precondition: their number is a multiple of 4.
  public mutating func encoded(_ data: [UInt8]) {
    precondition(data.count.isMultiple(of: 4), "XDR comes in units of 4 bytes, not \(data.count)")
    bytes.append(contentsOf: data)
  }
}
