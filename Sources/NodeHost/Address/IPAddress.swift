import Glibc

/// An IPv4 or IPv6 address that a service can have.
struct IPAddress: Hashable, Sendable, CustomStringConvertible {
  /// 4 or 16 bytes in network order.
  let bytes: [UInt8]

  var isIPv6: Bool { bytes.count == 16 }

  /// Nil where `text` isn't an address literal.
  init?(_ text: String) {
    var four = in_addr()
    var sixteen = in6_addr()
    if inet_pton(AF_INET, text, &four) == 1 {
      self.bytes = withUnsafeBytes(of: &four) { Array($0) }
    } else if inet_pton(AF_INET6, text, &sixteen) == 1 {
      self.bytes = withUnsafeBytes(of: &sixteen) { Array($0) }
    } else {
      return nil
    }
  }

  init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// Why no service can be reached under it; nil where one can.
  var objection: String? {
    if bytes.allSatisfy({ $0 == 0 }) { return "is the unspecified address" }
    if isIPv6 {
      if bytes[0] == 0xff { return "is a multicast address" }
      if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff {
        return "is an IPv4 address in IPv6 notation; write the IPv4 address"
      }
    } else if bytes[0] >= 224 {
      return "is a multicast, reserved or broadcast address"
    }
    return nil
  }

  var description: String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard inet_ntop(isIPv6 ? AF_INET6 : AF_INET, bytes, &text, socklen_t(text.count)) != nil else {
      return "?"
    }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
