internal import Cluster
internal import Yams

/// One value of the node file. Every reading reports why it can't be what is asked, and is nil then.
struct NodeFileValue {
  /// How messages call it.
  let path: String
  /// Where it starts.
  let position: FilePosition
  /// Where problems go.
  let context: NodeFileContext
  private let node: Node

  init(_ node: Node, path: String, context: NodeFileContext) {
    self.node = node
    self.path = path
    self.position = FilePosition(node.mark)
    self.context = context
  }

  /// Reports a problem of this value.
  func report(_ message: String) {
    context.report(position, "\(path.isEmpty ? "node file" : path): \(message)")
  }

  /// It's one word or number, not a list or a mapping.
  var isScalar: Bool { if case .scalar = node { true } else { false } }

  /// It's a list.
  var isList: Bool { if case .sequence = node { true } else { false } }

  /// Written as a mapping with these keys.
  func section(known: [String]) -> NodeFileSection? {
    guard isWrittenOut else { return nil }
    guard case .mapping(let mapping) = node else {
      report("must be a mapping with \(known.map { "`\($0)`" }.joined(separator: ", ")), not \(kind)")
      return nil
    }
    return NodeFileSection(mapping, path: path, known: known, context: context)
  }

  /// Written as a list.
  func list(of what: String) -> [NodeFileValue]? {
    guard isWrittenOut else { return nil }
    guard case .sequence(let sequence) = node else {
      report("must be a list of \(what), not \(kind)")
      return nil
    }
    return sequence.enumerated().map { index, element in
      NodeFileValue(element, path: "\(path)[\(index)]", context: context)
    }
  }

  /// The text as written, not empty, without characters that no name or path has.
  func text(_ what: String) -> String? {
    guard let text = scalar(what) else { return nil }
    guard !text.isEmpty else {
      report("must be \(what), not an empty text")
      return nil
    }
    return text
  }

  /// The text as written, empty if it is quoted.
  func scalar(_ what: String) -> String? {
    guard isWrittenOut else { return nil }
    guard case .scalar(let scalar) = node else {
      report("must be \(what), not \(kind)")
      return nil
    }
    if scalar.style == .plain, ["", "~", "null", "Null", "NULL"].contains(scalar.string) {
      report("has no value: must be \(what)")
      return nil
    }
    guard !scalar.string.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
      report("must not contain control characters")
      return nil
    }
    return scalar.string
  }

  /// A whole number.
  func integer(_ range: ClosedRange<Int>) -> Int? {
    let what = "a whole number from \(range.lowerBound) to \(range.upperBound)"
    guard let text = text(what) else { return nil }
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let number = Int(text)
    else {
      report("`\(text)` is not \(what)")
      return nil
    }
    guard range.contains(number) else {
      report("\(number) is out of range: must be \(what)")
      return nil
    }
    return number
  }

  /// A number with its unit.
  func duration(_ range: ClosedRange<Duration>) -> Duration? {
    let bounds = "from \(DurationText.text(range.lowerBound)) to \(DurationText.text(range.upperBound))"
    guard let text = text("a duration \(bounds)") else { return nil }
    do throws(DurationText.Refusal) {
      let duration = try DurationText.parse(text)
      guard range.contains(duration) else {
        report("\(text) is out of range: must be \(bounds)")
        return nil
      }
      return duration
    } catch {
      switch error {
      case .missingUnit: report("`\(text)` has no unit: write \(text)ms, \(text)s, \(text)m or \(text)h")
      case .unknownUnit(let unit):
        report("`\(unit)` is no unit in `\(text)`: use ms, s, m or h, without a space")
      case .notANumber:
        report("`\(text)` is no duration: write a number and a unit, as in 500ms, 1.5s, 2m or 1h")
      }
      return nil
    }
  }

  /// A path from the root.
  func absolutePath(_ what: String) -> String? {
    guard var path = text("the absolute path of \(what)") else { return nil }
    guard path.hasPrefix("/") else {
      report("`\(path)` must be the absolute path of \(what), starting with /")
      return nil
    }
    guard path.utf8.count < 4096 else {
      report("is longer than 4095 bytes, which no path may be")
      return nil
    }
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }

  /// Which of a few words it is.
  func word(_ words: [String], _ what: String) -> String? {
    guard let text = text(what) else { return nil }
    guard words.contains(text) else {
      let hint = NearestWord.to(text, among: words).map { "; did you mean `\($0)`?" } ?? ""
      report("`\(text)` must be \(words.joined(separator: " or "))\(hint)")
      return nil
    }
    return text
  }

  /// Anchors and aliases are refused rather than followed: a tree that names its parts by reference can be
  /// exponentially larger than its file, and its values stand where nobody looks for them.
  private var isWrittenOut: Bool {
    guard node.anchor == nil else {
      report("anchors and aliases are not part of a node file: write the value out")
      return false
    }
    return true
  }

  private var kind: String {
    switch node {
    case .mapping: "a mapping"
    case .sequence: "a list"
    case .scalar(let scalar): scalar.string.isEmpty ? "nothing" : "`\(scalar.string.prefix(40))`"
    case .alias: "an alias"
    }
  }
}
