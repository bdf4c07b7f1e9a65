internal import Cluster

extension NodeFileValue {
  private static let nameRule =
    "1 to 63 letters, digits, `-`, `_` or `.`, the first a letter or digit"

  /// A node's name.
  func nodeName() -> NodeName? {
    guard let text = text("a node name") else { return nil }
    guard let name = NodeName(text) else {
      report("`\(text)` is no node name: \(Self.nameRule)")
      return nil
    }
    return name
  }

  /// A service's name.
  func serviceName() -> ServiceName? {
    guard let text = text("a service name") else { return nil }
    guard let name = ServiceName(text) else {
      report("`\(text)` is no service name: \(Self.nameRule)")
      return nil
    }
    return name
  }

  /// A host name as RFC 1123 has it, with `_`, or an address.
  func hostName() -> String? {
    guard let text = text("a host name or address") else { return nil }
    if let address = NetworkAddress(text) { return address.text }
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    let allowed = labels.allSatisfy { label in
      (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
        && label.utf8.allSatisfy { Self.isAlphanumeric($0) || "-_".utf8.contains($0) }
    }
    // Digits and dots alone are an address gone wrong: 10.0.0.256.
    guard allowed, text.utf8.count <= 253, labels.last?.contains(where: { !$0.isNumber }) == true else {
      report("`\(text)` is neither a host name nor an IPv4 or IPv6 address")
      return nil
    }
    return text
  }

  /// A network interface; what the kernel's `dev_valid_name` takes.
  func interfaceName() -> String? {
    guard let text = text("a network interface") else { return nil }
    let bytes = text.utf8
    let forbidden = bytes.contains { $0 <= 0x20 || $0 >= 0x7F || "/:".utf8.contains($0) }
    guard (1...15).contains(bytes.count), !forbidden, text != ".", text != ".." else {
      report("`\(text)` is no interface name: 1 to 15 characters without space, `/` or `:`")
      return nil
    }
    return text
  }

  /// A group of this machine; it's looked up when the daemon starts, since the file may be checked elsewhere.
  func groupName() -> String? {
    guard let text = text("a group name") else { return nil }
    let bytes = text.utf8
    let allowed = bytes.allSatisfy { Self.isAlphanumeric($0) || "-_.".utf8.contains($0) }
    guard (1...32).contains(bytes.count), allowed, text.first != "-" else {
      report("`\(text)` is no group name: 1 to 32 letters, digits, `-`, `_` or `.`")
      return nil
    }
    return text
  }

  /// `127.0.0.1:9943` or `[::1]:9943`.
  func hostAndPort() -> (host: String, port: Int)? {
    let what = "an address and a port, as in 127.0.0.1:9943 or [::1]:9943"
    guard let text = text(what) else { return nil }
    guard let colon = text.lastIndex(of: ":") else {
      report("`\(text)` has no port: must be \(what)")
      return nil
    }
    var host = String(text[..<colon])
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    if isBracketed { host = String(host.dropFirst().dropLast()) }
    guard let address = NetworkAddress(host), address.isIPv6 == isBracketed else {
      report("`\(text)` must be \(what); an IPv6 address stands in brackets, a host name is not taken")
      return nil
    }
    let digits = text[text.index(after: colon)...]
    guard let port = Int(digits), (0...65535).contains(port), digits.allSatisfy(\.isNumber) else {
      report("`\(digits)` is no port: a whole number from 0 to 65535; 0 lets the kernel choose")
      return nil
    }
    return (address.text, port)
  }

  /// An address that a host can have.
  func hostAddress(_ text: String) -> NetworkAddress? {
    guard let address = NetworkAddress(text) else {
      report("`\(text)` is no IPv4 or IPv6 address")
      return nil
    }
    guard !address.isUnspecified, !address.isMulticast else {
      report("\(address.text) is no address that a host can have")
      return nil
    }
    guard !address.isLinkLocalIPv6 else {
      report("\(address.text) is link-local: clients need an address that means the same everywhere")
      return nil
    }
    return address
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }
}
