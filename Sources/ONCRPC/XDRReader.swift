/// Reads XDR (RFC 4506) from bytes that a stranger sent: every length is checked before it is believed.
public struct XDRReader: Sendable {
  private let bytes: [UInt8]
  private var offset: Int

  /// Reads `bytes` from the start.
  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
    self.offset = 0
  }

  /// What hasn't been read yet.
  public var remaining: [UInt8] { Array(bytes[offset...]) }

  /// An `unsigned int`: 4 bytes, most significant first (section 4.2).
  public mutating func uint32() throws(XDRError) -> UInt32 {
    try require(4)
    defer { offset += 4 }
    return bytes.withUnsafeBytes {
      UInt32(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
  }

  /// An `int` (section 4.1).
  public mutating func int32() throws(XDRError) -> Int32 { Int32(bitPattern: try uint32()) }

  /// An `unsigned hyper`: 8 bytes (section 4.5).
  public mutating func uint64() throws(XDRError) -> UInt64 {
    try require(8)
    return UInt64(try uint32()) << 32 | UInt64(try uint32())
  }

  /// A `bool`: 0 or 1 (section 4.4).
  public mutating func bool() throws(XDRError) -> Bool {
    switch try uint32() {
    case 0: false
    case 1: true
    case let other: throw .unknownValue(other, type: "bool")
    }
  }

  /// Fixed-length opaque data: `count` bytes and their padding (section 4.9).
  ///
  /// The padding's value is not checked, as no implementation does.
  public mutating func opaque(count: Int) throws(XDRError) -> [UInt8] {
    let padded = (count + 3) & ~3
    try require(padded)
    defer { offset += padded }
    return Array(bytes[offset..<offset + count])
  }

  /// Variable-length opaque data or a string: a length, that many bytes, padding (sections 4.10 and 4.11).
  ///
  /// - Parameter limit: the most bytes that the type allows.
  public mutating func opaque(atMost limit: Int) throws(XDRError) -> [UInt8] {
    try opaque(count: try count(atMost: limit))
  }

  /// The number of elements of a variable-length array (section 4.13).
  public mutating func count(atMost limit: Int) throws(XDRError) -> Int {
    let count = Int(try uint32())
    guard count <= limit else { throw .tooLong(length: count, limit: limit) }
    return count
  }

  /// Checks that everything was read.
  public func finish() throws(XDRError) {
    guard offset == bytes.count else { throw .trailing(count: bytes.count - offset) }
  }

  private func require(_ count: Int) throws(XDRError) {
    guard bytes.count - offset >= count else {
      throw .truncated(needed: count - (bytes.count - offset), offset: bytes.count)
    }
  }
}
