/// What a service exports, as exports(5) writes it.
public struct ExportLines: Sendable, Equatable {
  /// The text, with a line feed at its end.
  public let text: String
  /// The exported paths, in the order of the text.
  public let paths: [String]

  /// Reads the text of an exports file.
  ///
  /// - Throws: ``NodeHostError`` (`invalid`) that names the line: a path that isn't absolute, or no line at all.
  public init(_ text: String) throws(NodeHostError) {
    var paths: [String] = []
    var continues = false
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      defer { continues = line.hasSuffix("\\") }
      let words = line.drop { $0 == " " || $0 == "\t" }
      guard !continues, !words.isEmpty, !words.hasPrefix("#") else { continue }
      let path: String
      if words.hasPrefix("\"") {
        path = String(words.dropFirst().prefix { $0 != "\"" })
      } else {
        path = unescapedPath(words.prefix { $0 != " " && $0 != "\t" })
      }
      guard path.hasPrefix("/") else {
        throw NodeHostError(
          .invalid,
          "line \(index + 1): \"\(path)\" isn't the absolute path of what is exported, see exports(5)")
      }
      paths.append(path)
    }
    guard !paths.isEmpty else {
      throw NodeHostError(.invalid, "nothing is exported: write at least one line, see exports(5)")
    }
    self.text = text.hasSuffix("\n") ? text : text + "\n"
    self.paths = paths
  }
}
