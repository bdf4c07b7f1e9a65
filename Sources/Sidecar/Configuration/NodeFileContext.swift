internal import Yams

/// Where something stands in the node file; both count from 1.
struct FilePosition: Hashable, Comparable {
  var line: Int
  var column: Int

  static let start = FilePosition(line: 1, column: 1)

  static func < (left: FilePosition, right: FilePosition) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

extension FilePosition {
  init(_ mark: Mark?) {
    self = mark.map { FilePosition(line: max($0.line, 1), column: max($0.column, 1)) } ?? .start
  }
}

/// What is gathered while one node file is read.
///
/// Reading goes on after a problem, so that the operator sees all of them at once.
final class NodeFileContext {
  /// More than this many are of no use to anybody.
  static let mostProblems = 100

  private var found: Set<ConfigurationError.Problem> = []
  /// First characters of repeated keys that ``NodeFileDocument`` has replaced, by the replacement.
  var replacedFirstCharacters: [Unicode.Scalar: Unicode.Scalar] = [:]

  /// Kept because the nodes of a tree refer to their anchors weakly and only the parser owns those.
  var parser: Parser?

  var problems: [ConfigurationError.Problem] { found.sorted() }
  var isFlawless: Bool { found.isEmpty }

  func report(_ position: FilePosition, _ message: String) {
    guard found.count < Self.mostProblems else { return }
    found.insert(.init(line: position.line, column: position.column, message: message.printable))
  }
}

extension String {
  /// Itself with everything that could move a terminal's cursor written as `\u{…}`.
  var printable: String {
    var result = ""
    for scalar in unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned:
        result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
