import Glibc

/// `nfs.conf` as nfs-utils reads it (nfs.conf(5); support/nfs/conffile.c).
///
/// Sections and names are compared without regard to case, the last assignment wins, quotes around a value are
/// dropped, an empty value is no assignment, `$NAME` is looked up in `[environment]` and then in the environment,
/// `include` continues in the current section, and what can't be understood is passed over.
struct NFSConfiguration: Sendable {
  private static let deepestInclude = 16
  private static let largestFile = 1 << 20

  private var values: [String: [String: String]] = [:]

  init() {}

  /// Reads the vendor's file below `/usr`, then `path`, each followed by the files `*.conf` in the folder of the same name
  /// with `.d`; later ones win. Files that aren't there are passed over.
  ///
  /// - Throws: ``NodeHostError`` where one is there and can't be read.
  init(path: String, root: String) throws(NodeHostError) {
    for file in ["/usr" + path, path] {
      try read(file, root: root)
      for name in try Self.fragments(in: root + file + ".d") { try read(file + ".d/" + name, root: root) }
    }
  }

  /// The value of `name` in `section`.
  func value(_ name: String, in section: String) -> String? {
    guard let value = values[section.lowercased()]?[name.lowercased()] else { return nil }
    guard value.hasPrefix("$") else { return value }
    let variable = String(value.dropFirst())
    return values["environment"]?[variable.lowercased()] ?? getenv(variable).map { String(cString: $0) }
  }

  /// Takes the text of a file; `include` names another file, to be read at once.
  mutating func parse(
    _ text: String, section start: String? = nil,
    include: (_ configuration: inout NFSConfiguration, _ path: String, _ section: String?)
      throws(NodeHostError) ->
      Void = { _, _, _ in }
  ) throws(NodeHostError) {
    var section = start
    for line in text.split(whereSeparator: \.isNewline) {
      let line = Self.trim(line)
      guard let first = line.first, first != "#", first != ";" else { continue }
      if first == "[" {
        section = line.firstIndex(of: "]").map { end in
          Self.trim(line[line.index(after: line.startIndex)..<end]).lowercased()
        }
        continue
      }
      guard let equals = line.firstIndex(of: "=") else { continue }
      let name = Self.trim(line[..<equals]).lowercased()
      let value = Self.unquoted(Self.trim(line[line.index(after: equals)...]))
      guard !name.isEmpty, !value.isEmpty else { continue }
      if name == "include" {
        try include(&self, value.hasPrefix("-") ? String(value.dropFirst()) : value, section)
      } else if let section {
        values[section, default: [:]][name] = value
      }
    }
  }

  private mutating func read(
    _ path: String, root: String, section: String? = nil, depth: Int = 0
  ) throws(NodeHostError) {
    let bytes: [UInt8]?
    do {
      bytes = try contentsOfFile(root + path, limit: Self.largestFile)
    } catch {
      throw NodeHostError(error.number, root + path, remedy: "set status_directory in the node file")
    }
    guard let bytes else { return }
    try parse(String(decoding: bytes, as: UTF8.self), section: section) {
      (configuration, included, section) throws(NodeHostError) in
      guard depth < Self.deepestInclude else {
        throw NodeHostError(
          .invalid, "\(root + path): files include each other more than \(Self.deepestInclude) deep")
      }
      let folder = path.lastIndex(of: "/").map { path[..<$0] } ?? ""
      let target = included.hasPrefix("/") ? included : "\(folder)/\(included)"
      try configuration.read(target, root: root, section: section, depth: depth + 1)
    }
  }

  private static func fragments(in folder: String) throws(NodeHostError) -> [String] {
    do {
      return try OpenDirectory(folder).names().map { String(decoding: $0, as: UTF8.self) }
        .filter { $0.hasSuffix(".conf") && !$0.hasPrefix(".") }.sorted()
    } catch {
      if error.code == .absent { return [] }
      throw error
    }
  }

  private static func trim(_ text: Substring) -> Substring {
    var text = text
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
    return text
  }

  private static func unquoted(_ text: Substring) -> String {
    guard let quote = text.first, quote == "\"" || quote == "'" else { return String(text) }
    let rest = text.dropFirst()
    guard let end = rest.firstIndex(of: quote) else { return String(text) }
    return String(rest[..<end])
  }
}
