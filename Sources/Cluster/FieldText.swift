/// A value of the store as `key: value` lines: readable with `cat`, the same bytes for the same fields.
///
/// Comparing by value needs one spelling per value, so the order is that of writing and nothing is optional.
struct FieldText {
  private(set) var fields: [(key: String, value: String)] = []

  init() {}

  /// Nil where the bytes are not lines of `key: value`.
  init?(_ bytes: [UInt8]) {
    guard bytes.count <= 16_384 else { return nil }
    fields.reserveCapacity(8)
    // Read at every look at the store, of every node and service: no copies but those that are kept.
    guard bytes.withUnsafeBufferPointer({ parse($0) }) else { return nil }
  }

  private mutating func parse(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    func string(_ range: Range<Int>) -> String? {
      String(validating: UnsafeBufferPointer(rebasing: text[range]), as: UTF8.self)
    }
    var start = 0
    while start < text.count {
      let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
      defer { start = end + 1 }
      guard start < end else { continue }
      guard let colon = text[start..<end].firstIndex(of: UInt8(ascii: ":")) else { return false }
      let value = text[(colon + 1)..<end].firstIndex { $0 != UInt8(ascii: " ") } ?? end
      guard let key = string(start..<colon), let value = string(value..<end) else { return false }
      fields.append((key, value))
    }
    return true
  }

  subscript(key: String) -> String? {
    fields.first { $0.key == key }?.value
  }

  mutating func append(_ key: String, _ value: String) {
    guard value.unicodeScalars.contains(where: Self.isLineBreak) else { return fields.append((key, value)) }
    var line = String.UnicodeScalarView()
    for scalar in value.unicodeScalars { line.append(Self.isLineBreak(scalar) ? " " : scalar) }
    fields.append((key, String(line)))
  }

  private static func isLineBreak(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0xa...0xd, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }

  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(fields.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 3 })
    for (key, value) in fields {
      bytes += key.utf8
      bytes += [UInt8(ascii: ":"), UInt8(ascii: " ")]
      bytes += value.utf8
      bytes.append(UInt8(ascii: "\n"))
    }
    return bytes
  }
}
