import Foundation

/// Standard output and standard error.
enum Terminal {
  /// Standard output is a terminal, so that a person reads it.
  static var isOutput: Bool { isatty(STDOUT_FILENO) == 1 }
  /// A person can be asked: standard input and standard error are a terminal.
  static var canAsk: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }
  /// This user may look at everything.
  static var isRoot: Bool { geteuid() == 0 }
  /// Colour is for people who did not forbid it (no-color.org).
  static var hasColour: Bool {
    isOutput && ProcessInfo.processInfo.environment["NO_COLOR"].map(\.isEmpty) ?? true
  }

  static func write(_ text: String) {
    FileHandle.standardOutput.write(
      Data((text.hasSuffix("\n") || text.hasSuffix("\u{1b}[J") ? text : text + "\n").utf8))
  }

  /// `text` in place of what the screen showed. Each line clears the rest of its own and the last what is below:
  /// clearing the screen first would flicker.
  static func redraw(_ text: String) -> String {
    "\u{1b}[H" + text.replacing("\n", with: "\u{1b}[K\n") + "\u{1b}[J"
  }

  /// Messages for the operator, each line with the program's name in front.
  static func complain(_ message: String) {
    let lines = message.split(separator: "\n").map { "lockferry: \(printable(String($0)))\n" }
    FileHandle.standardError.write(Data(lines.joined().utf8))
  }

  /// A line that the operator types; nil at the end of input.
  static func ask(_ question: String) -> String? {
    FileHandle.standardError.write(Data((question + " ").utf8))
    return readLine()
  }

  /// `text` with everything that could move the cursor or turn text around written as `\u{…}`: names come from
  /// strangers on the network.
  static func printable(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned:
        result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
