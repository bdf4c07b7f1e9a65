/// Addresses as names in records and in notifications, and as callers, have them.
extension HostAddress {
  /// The four bytes of an IPv4 address as one number, the first byte the most significant.
  public init(ipv4: UInt32) {
    guard let address = HostAddress(bytes: (0..<4).map { UInt8(truncatingIfNeeded: ipv4 >> (24 - 8 * $0)) })
    else {
      preconditionFailure("four bytes are an address")
    }
    self = address
  }

  /// Reads an address literal: `10.0.0.11`, `2001:db8::11`, `::ffff:10.0.0.11`. Nil for anything else, a host name
  /// among them; a zone (`fe80::1%eth0`) is no part of an address.
  public init?(literal text: some Sequence<UInt8>) {
    let text = Array(text)
    if let address = HostAddress.ipv4(text[...]) {
      self.init(ipv4: address)
    } else if let groups = HostAddress.ipv6(text) {
      self.init(bytes: groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] })
    } else {
      return nil
    }
  }

  /// 127.0.0.1 or ::1: this host itself.
  public var isLoopback: Bool {
    bytes == [127, 0, 0, 1] || bytes == [UInt8](repeating: 0, count: 15) + [1]
  }

  /// Four decimal numbers without leading zeroes, as inet_pton(3) wants them.
  private static func ipv4(_ text: ArraySlice<UInt8>) -> UInt32? {
    let parts = text.split(separator: UInt8(ascii: "."), maxSplits: 4, omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var address: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0"),
        part.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
      else { return nil }
      let value = part.reduce(UInt32(0)) { $0 * 10 + UInt32($1 - UInt8(ascii: "0")) }
      guard value <= 255 else { return nil }
      address = address << 8 | value
    }
    return address
  }

  /// RFC 4291, section 2.2.
  private static func ipv6(_ text: [UInt8]) -> [UInt16]? {
    guard text.count <= 45, text.contains(UInt8(ascii: ":")) else { return nil }
    var groups: [UInt16] = []
    var gap: Int?
    var index = 0
    while index < text.count {
      if text[index] == UInt8(ascii: ":") {
        guard index + 1 < text.count, text[index + 1] == UInt8(ascii: ":"), gap == nil else { return nil }
        gap = groups.count
        index += 2
        continue
      }
      let field = text[index...].prefix { $0 != UInt8(ascii: ":") }
      if field.contains(UInt8(ascii: ".")) {
        guard field.endIndex == text.count, let address = ipv4(field) else { return nil }
        groups += [UInt16(address >> 16), UInt16(address & 0xffff)]
      } else {
        guard (1...4).contains(field.count),
          let group = UInt16(String(decoding: field, as: UTF8.self), radix: 16),
          field.first != UInt8(ascii: "+"), field.first != UInt8(ascii: "-")
        else { return nil }
        groups.append(group)
      }
      index = field.endIndex
      guard index < text.count else { break }
      // One colon between groups; of two the second belongs to the gap, which the next turn sees.
      guard index + 1 < text.count else { return nil }
      if text[index + 1] != UInt8(ascii: ":") { index += 1 }
    }
    guard let gap else { return groups.count == 8 ? groups : nil }
    guard groups.count < 8 else { return nil }
    return groups[..<gap] + [UInt16](repeating: 0, count: 8 - groups.count) + groups[gap...]
  }
}
