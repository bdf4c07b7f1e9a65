/// A value of the store as `key: value` lines: readable with `cat`, the same bytes for the same fields.
///
/// Comparing by value needs one spelling per value, so the order is that of writing and nothing is optional.
struct FieldText {
  private(set) var fields: [(key: String, value: String)] = []

  init() {}

  /// Nil where the bytes are not lines of `key: value`.
  init?(_ bytes: [UInt8]) {
    guard bytes.count <= 16_384, let text = String(validating: bytes, as: UTF8.self) else { return nil }
    for line in text.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { return nil }
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      fields.append((String(line[..<colon]), String(value)))
    }
  }

  subscript(key: String) -> String? {
    fields.first { $0.key == key }?.value
  }

  mutating func append(_ key: String, _ value: String) {
    fields.append((key, String(value.map { $0.isNewline ? " " : $0 })))
  }

  var bytes: [UInt8] {
    var text = ""
    for (key, value) in fields { text += "\(key): \(value)\n" }
    return Array(text.utf8)
  }
}
