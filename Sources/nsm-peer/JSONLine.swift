import Glibc

/// One JSON object on one line, its members in the order in which they were added.
struct JSONLine {
  private var members: [String] = []

  /// Adds a number.
  func with(_ key: String, _ value: some BinaryInteger) -> JSONLine { adding(key, "\(value)") }

  /// Adds text.
  func with(_ key: String, _ value: String) -> JSONLine { adding(key, JSONLine.quoted(value)) }

  /// Adds a number with at most nine decimals; `null` where it is no number.
  func with(_ key: String, _ value: Double?) -> JSONLine {
    guard let value, value.isFinite else { return adding(key, "null") }
    return adding(key, "\((value * 1e9).rounded() / 1e9)")
  }

  /// Adds true or false.
  func with(_ key: String, _ value: Bool) -> JSONLine { adding(key, value ? "true" : "false") }

  /// Adds an object.
  func with(_ key: String, _ value: JSONLine) -> JSONLine { adding(key, value.text) }

  /// Adds a list of objects.
  func with(_ key: String, _ values: [JSONLine]) -> JSONLine {
    adding(key, "[" + values.map(\.text).joined(separator: ",") + "]")
  }

  /// Adds a list of texts.
  func with(_ key: String, _ values: [String]) -> JSONLine {
    adding(key, "[" + values.map(JSONLine.quoted).joined(separator: ",") + "]")
  }

  /// The object.
  var text: String { "{" + members.joined(separator: ",") + "}" }

  /// Writes the line to standard output at once: a buffer would be lost with the process.
  func printNow() {
    var rest = Array((text + "\n").utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  private func adding(_ key: String, _ value: String) -> JSONLine {
    var line = self
    line.members.append(JSONLine.quoted(key) + ":" + value)
    return line
  }

  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\u{0}"..<" ":
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
