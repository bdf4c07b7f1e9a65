/// A node's name: 1 to 63 letters, digits, `-`, `_` or `.`, the first a letter or digit.
public struct NodeName: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The name as written.
  public let text: String

  /// Nil where `text` can't be a node's name.
  public init?(_ text: String) {
    guard isClusterName(text) else { return nil }
    self.text = text
  }

  /// The name as written.
  public var description: String { text }

  /// By the bytes of the names.
  public static func < (left: NodeName, right: NodeName) -> Bool { left.text < right.text }
}

/// A service's name: as a node's.
public struct ServiceName: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The name as written.
  public let text: String

  /// Nil where `text` can't be a service's name.
  public init?(_ text: String) {
    guard isClusterName(text) else { return nil }
    self.text = text
  }

  /// The name as written.
  public var description: String { text }

  /// By the bytes of the names.
  public static func < (left: ServiceName, right: ServiceName) -> Bool { left.text < right.text }
}

private func isClusterName(_ text: String) -> Bool {
  let bytes = text.utf8
  func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }
  guard (1...63).contains(bytes.count), let first = bytes.first, isAlphanumeric(first) else { return false }
  return bytes.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
}
