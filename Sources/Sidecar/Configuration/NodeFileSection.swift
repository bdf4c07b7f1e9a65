internal import Yams

/// One mapping of the node file, with only known keys, each once.
struct NodeFileSection {
  /// How messages call it: `beats`, `services[0].fence`; empty for the whole file.
  let path: String
  /// Where it starts.
  let position: FilePosition
  /// Where problems go.
  let context: NodeFileContext
  private var entries: [String: Entry] = [:]

  private struct Entry {
    var position: FilePosition
    var value: Node
  }

  /// Reports every key that is not known or is there twice.
  init(_ mapping: Node.Mapping, path: String, known: [String], context: NodeFileContext) {
    self.path = path
    self.position = FilePosition(mapping.mark)
    self.context = context
    let written = mapping.map { key, value in (key, Entry(position: FilePosition(key.mark), value: value)) }
    for (key, entry) in written.sorted(by: { $0.1.position < $1.1.position }) {
      guard case .scalar(let scalar) = key, scalar.anchor == nil else {
        context.report(entry.position, "\(described): a key must be a plain word, without anchor or alias")
        continue
      }
      let name = originalKey(scalar.string)
      if let earlier = entries[name] {
        let place = "line \(earlier.position.line), column \(earlier.position.column)"
        context.report(entry.position, "\(sub(name)): written twice; the first is in \(place)")
        continue
      }
      entries[name] = entry
      guard !known.contains(name) else { continue }
      let hint =
        NearestWord.to(name, among: known).map { "did you mean `\($0)`?" }
        ?? "known here: \(known.joined(separator: ", "))"
      context.report(entry.position, "\(sub(name)): unknown key; \(hint)")
    }
  }

  /// The section's own name for messages.
  var described: String { path.isEmpty ? "node file" : path }

  /// Where the key stands; the section's start where the key is missing.
  func position(of key: String) -> FilePosition { entries[key]?.position ?? position }

  /// Whether the key is there.
  func has(_ key: String) -> Bool { entries[key] != nil }

  /// The value, or nil where the key is missing.
  func optional(_ key: String) -> NodeFileValue? {
    entries[key].map { entry in NodeFileValue(entry.value, path: sub(key), context: context) }
  }

  /// The value; a missing key is a problem, and `advice` says what to write.
  func required(_ key: String, _ advice: String) -> NodeFileValue? {
    if !has(key) { context.report(position, "\(described): `\(key)` is missing: \(advice)") }
    return optional(key)
  }

  private func sub(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  private func originalKey(_ key: String) -> String {
    guard let first = key.unicodeScalars.first, let original = context.replacedFirstCharacters[first] else {
      return key
    }
    return String(original) + key.unicodeScalars.dropFirst().reduce(into: "") { $0.unicodeScalars.append($1) }
  }
}
