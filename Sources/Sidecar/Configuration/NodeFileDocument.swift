internal import Yams

/// The YAML document of a node file as a tree with positions.
enum NodeFileDocument {
  /// Node files are a few kilobytes.
  static let largestFile = 256 * 1024
  /// More would let a small file describe an exponentially large tree, whose keys Yams hashes while it reads.
  /// So few can multiply the work a few hundred times at most; none of them is accepted in the end.
  private static let mostAliases = 16

  /// The root of the tree, or nil where `text` is no YAML; then the context knows why.
  ///
  /// Yams ends at the first key that a mapping has twice, and names its first place only. So that key's first
  /// character is replaced by one that the text doesn't have, and reading starts again; ``NodeFileSection`` then
  /// finds both, reports the later one and goes on.
  static func compose(_ text: String, context: NodeFileContext) -> Node? {
    if let position = positionOfManyAliases(text) {
      context.report(position, "anchors and aliases are not part of a node file: write the value out")
      return nil
    }
    var scalars = Array(text.unicodeScalars)
    var spare = unusedScalars(text)
    while true {
      do {
        var composed = String.UnicodeScalarView()
        composed.append(contentsOf: scalars)
        let parser = try Parser(yaml: String(composed), resolver: .basic, encoding: .utf8)
        context.parser = parser
        guard let root = try parser.singleRoot() else {
          context.report(.start, "the file is empty; it needs at least `node`, `store` and `services`")
          return nil
        }
        return root
      } catch YamlError.duplicatedKeysInMapping(let keys, let place) {
        let position = FilePosition(place.mark)
        guard let index = replaceableIndex(in: scalars, at: position), let replacement = spare.popLast()
        else {
          context.report(position, "this mapping has a key twice: \(keys.sorted().joined(separator: ", "))")
          return nil
        }
        context.replacedFirstCharacters[replacement] = scalars[index]
        scalars[index] = replacement
      } catch {
        report(error, text: text, context: context)
        return nil
      }
    }
  }

  private static func report(_ error: any Error, text: String, context: NodeFileContext) {
    switch error as? YamlError {
    case .composer(_, "but found another document", let mark, _):
      context.report(FilePosition(mark), "a second YAML document: a node file is one document")
    case .scanner(_, let problem, _, _) where problem.contains("nesting"),
      .parser(_, let problem, _, _) where problem.contains("nesting"):
      context.report(.start, "nested too deeply: a node file needs no more than six levels")
    case .scanner(let place, let problem, let mark, _), .parser(let place, let problem, let mark, _),
      .composer(let place, let problem, let mark, _):
      let origin = place.map { " (\($0.text) that starts at \($0.mark.line):\($0.mark.column))" } ?? ""
      context.report(FilePosition(mark), "not YAML: \(problem)\(origin)")
    case .reader(let problem, let offset, _, _):
      let scalars = text.prefix(offset ?? 0).unicodeScalars
      context.report(position(after: scalars), "not YAML: \(problem)")
    case .memory:
      context.report(.start, "nested too deeply: a node file needs no more than six levels")
    default:
      context.report(.start, "not YAML: \(error)")
    }
  }

  /// Where the character after `scalars` stands.
  static func position(after scalars: some Sequence<Unicode.Scalar>) -> FilePosition {
    var lines = LineCounter()
    for scalar in scalars { lines.pass(scalar) }
    return lines.position
  }

  /// Where the first character of the key at `position` is, past its quote; nil where there is none that may be
  /// replaced without changing the structure.
  private static func replaceableIndex(in scalars: [Unicode.Scalar], at position: FilePosition) -> Int? {
    var lines = LineCounter()
    for (index, scalar) in scalars.enumerated() {
      if lines.position == position {
        let first = scalar == "\"" || scalar == "'" ? index + 1 : index
        guard first < scalars.count, isLetter(scalars[first]) else { return nil }
        return first
      }
      lines.pass(scalar)
    }
    return nil
  }

  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_"
  }

  /// As many keys as are worth reporting as repeated: each costs another reading of the whole text.
  private static let mostRepeatedKeys = 20

  /// Characters for private use that `text` doesn't have.
  private static func unusedScalars(_ text: String) -> [Unicode.Scalar] {
    let used = Set(text.unicodeScalars)
    return Array(
      (0xE000...0xF8FF).lazy.compactMap(Unicode.Scalar.init).filter { !used.contains($0) }.prefix(
        mostRepeatedKeys))
  }

  /// Where the text has its first anchor, if it also has more aliases than could be harmless.
  private static func positionOfManyAliases(_ text: String) -> FilePosition? {
    var lines = LineCounter()
    var firstAnchor: FilePosition?
    var aliases = 0
    var previous: Unicode.Scalar = "\n"
    var beforeThat: Unicode.Scalar = "\n"
    for scalar in text.unicodeScalars {
      let opensToken = " \t\r\n[]{},:-?".unicodeScalars.contains(beforeThat)
      if opensToken, isLetter(scalar) || scalar == "-" {
        if previous == "&" { firstAnchor = firstAnchor ?? lines.position }
        if previous == "*" { aliases += 1 }
      }
      (beforeThat, previous) = (previous, scalar)
      lines.pass(scalar)
    }
    guard aliases > mostAliases, var anchor = firstAnchor else { return nil }
    anchor.column -= 1
    return anchor
  }
}

/// Counts lines as libyaml does (`SKIP_LINE` of its scanner): also after NEL, LS and PS.
private struct LineCounter {
  private(set) var position = FilePosition.start
  private var afterReturn = false

  mutating func pass(_ scalar: Unicode.Scalar) {
    switch scalar.value {
    case 0x0A where afterReturn: break
    case 0x0A, 0x0D, 0x85, 0x2028, 0x2029: position = FilePosition(line: position.line + 1, column: 1)
    default: position.column += 1
    }
    afterReturn = scalar.value == 0x0D
  }
}
