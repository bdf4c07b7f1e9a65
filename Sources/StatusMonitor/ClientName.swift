/// The name of a client's monitor record: the name of a file in the status directory's `sm/`.
///
/// statd names the file by the client's canonical name, a fully qualified host name or an address literal
/// (`statd_canonical_name` in nfs-utils), and `sm-notify` resolves that name to find the client. A name that
/// exists is safe as one component of a path and of a store's key: 1 to 255 bytes of printable ASCII without
/// `/`, not hidden, and not one of statd's temporary names (`NAME.new` before nfs-utils 2.8.2).
public struct ClientName: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The name, byte for byte: every character is one byte of ASCII.
  public let text: String

  /// Checks the bytes of a file's name.
  ///
  /// - Throws: ``ClientNameError`` that shows the name in printable form and says what is wrong with it.
  public init(_ bytes: some Sequence<UInt8>) throws(ClientNameError) {
    let bytes = Array(bytes)
    if let reason = ClientName.objection(to: bytes) {
      throw ClientNameError(name: printableText(bytes, limit: 255), reason: reason)
    }
    self.text = String(decoding: bytes, as: UTF8.self)
  }

  /// Checks a name that is text already.
  ///
  /// - Throws: ``ClientNameError``, as above.
  public init(_ text: String) throws(ClientNameError) {
    try self.init(text.utf8)
  }

  /// The name.
  public var description: String { text }

  /// By bytes, the order in which the names sort in the store.
  public static func < (left: ClientName, right: ClientName) -> Bool {
    left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
  }

  private static func objection(to bytes: [UInt8]) -> String? {
    if bytes.isEmpty { return "a client's name can't be empty" }
    if bytes.count > 255 { return "a client's name takes at most 255 bytes, this one has \(bytes.count)" }
    if bytes.contains(UInt8(ascii: "/")) { return "a client's name with '/' could leave the directory" }
    if bytes.first == UInt8(ascii: ".") {
      return "a client's name can't begin with '.': such files are hidden"
    }
    if let index = bytes.firstIndex(where: { !(0x21...0x7e).contains($0) }) {
      return "a client's name takes printable ASCII without spaces, not byte 0x\(hexadecimal(bytes[index]))"
    }
    if bytes.suffix(4) == Array(".new".utf8)[...] {
      return "'.new' is how statd names a file that it hasn't finished writing"
    }
    return nil
  }
}

/// Why bytes can't be a client's name.
public struct ClientNameError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The name in printable form: bytes outside printable ASCII as `\xNN`, cut after 255 bytes.
  public let name: String
  /// What is wrong with it, as a sentence without a full stop.
  public let reason: String

  /// An error about `name`, which is printable already.
  public init(name: String, reason: String) {
    self.name = name
    self.reason = reason
  }

  /// The name in quotes, and the reason.
  public var description: String { "\"\(name)\": \(reason)" }
}
