/// A value of the store as `key: value` lines: readable with `cat`, the same bytes for the same fields.
///
/// Comparing by value needs one spelling per value, so the order is that of writing and nothing is optional.
struct FieldText {
  private(set) var fields: [(key: String, value: String)] = []

  init() {}

  /// Nil where the bytes are not lines of `key: value`.
  init?(_ bytes: [UInt8]) {
    guard bytes.count <= 16_384, String(validating: bytes, as: UTF8.self) != nil else { return nil }
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return nil }
      let value = line[(colon + 1)...].drop { $0 == UInt8(ascii: " ") }
      fields.append((String(decoding: line[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self)))
    }
  }

  subscript(key: String) -> String? {
    fields.first { $0.key == key }?.value
  }

  mutating func append(_ key: String, _ value: String) {
    let lineBreaks: Set<Unicode.Scalar> = ["\n", "\u{b}", "\u{c}", "\r", "\u{85}", "\u{2028}", "\u{2029}"]
    guard value.unicodeScalars.contains(where: lineBreaks.contains) else {
      return fields.append((key, value))
    }
    var line = String.UnicodeScalarView()
    for scalar in value.unicodeScalars { line.append(lineBreaks.contains(scalar) ? " " : scalar) }
    fields.append((key, String(line)))
  }

  var bytes: [UInt8] {
    var text = ""
    for (key, value) in fields { text += "\(key): \(value)\n" }
    return Array(text.utf8)
  }
}
