/// The redo journal of one transaction with several writes: a text file whose appearance is the commit.
///
/// The values lie, complete and durable, in hidden files beside their keys before the journal appears, so that
/// after the commit nothing but renames remains. A line each: `set <hidden name> <key>` or `delete <key>`; the
/// last line counts them and carries a checksum. By hand: rename each hidden file to its key's name.
struct StoreJournal: Equatable {
  enum Entry: Equatable {
    case set(StoreKey, from: String)
    case delete(StoreKey)

    var key: StoreKey {
      switch self {
      case .set(let key, from: _), .delete(let key): key
      }
    }
  }

  static let maximumBytes = 16 * 1_048_576
  private static let title = "lockferry journal 1\n"

  var entries: [Entry]

  var hasDeletions: Bool {
    entries.contains { entry in
      if case .delete = entry { true } else { false }
    }
  }

  func writes(anyOf keys: [StoreKey], orBelow prefixes: [StoreKey] = []) -> Bool {
    entries.contains { entry in
      keys.contains(entry.key) || prefixes.contains { entry.key.isBelow($0) }
    }
  }

  /// FNV-1a with 64 bits: finds a torn file; the same on every node.
  static func checksum(of bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
  }

  var bytes: [UInt8] {
    var text = Self.title
    for entry in entries {
      switch entry {
      case .set(let key, let name): text += "set \(name) \(key.path)\n"
      case .delete(let key): text += "delete \(key.path)\n"
      }
    }
    let sum = String(Self.checksum(of: text.utf8), radix: 16)
    return Array((text + "end \(entries.count) \(sum)\n").utf8)
  }

  init(entries: [Entry]) {
    self.entries = entries
  }

  /// Nil where the bytes aren't a whole journal.
  init?(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.hasPrefix(Self.title), text.hasSuffix("\n") else { return nil }
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count >= 3 else { return nil }
    lines.removeLast()
    let last = lines.removeLast().split(separator: " ")
    lines.removeFirst()
    guard last.count == 3, last[0] == "end", let count = Int(last[1]), let sum = UInt64(last[2], radix: 16),
      count == lines.count,
      sum
        == Self.checksum(of: bytes.prefix(Self.title.utf8.count + lines.reduce(0) { $0 + $1.utf8.count + 1 }))
    else { return nil }
    entries = []
    entries.reserveCapacity(count)
    for line in lines {
      let words = line.split(separator: " ")
      guard let path = words.last,
        let key = try? StoreKey(path.split(separator: "/", omittingEmptySubsequences: false).map(String.init))
      else { return nil }
      switch (words.first, words.count) {
      case ("set", 3) where TemporaryNames.isTemporary(words[1]):
        entries.append(.set(key, from: String(words[1])))
      case ("delete", 2):
        entries.append(.delete(key))
      default:
        return nil
      }
    }
  }
}

/// Names for files that aren't visible as keys yet.
struct TemporaryNames {
  private static let prefix = ".new-"
  private let base: String
  private var count = 0

  /// Names that no other call on any node uses.
  init() {
    base = Self.prefix + String(UInt64.random(in: .min ... .max), radix: 16) + "-"
  }

  mutating func next() -> String {
    count += 1
    return base + String(count)
  }

  static func isTemporary(_ name: some StringProtocol) -> Bool {
    name.hasPrefix(prefix) && !name.contains("/")
  }
}
