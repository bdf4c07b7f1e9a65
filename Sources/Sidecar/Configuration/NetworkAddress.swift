internal import Glibc

/// An IPv4 or IPv6 address in the form that the kernel prints, so that equal addresses are equal texts.
struct NetworkAddress: Hashable {
  /// `10.0.0.10` or `fd00::10`.
  let text: String
  /// 4 or 16 bytes, network order.
  let bytes: [UInt8]

  var isIPv6: Bool { bytes.count == 16 }
  /// 32 or 128.
  var bits: Int { bytes.count * 8 }
  /// `0.0.0.0` or `::`.
  var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }
  /// 224.0.0.0/4 (RFC 1112) and ff00::/8 (RFC 4291).
  var isMulticast: Bool { isIPv6 ? bytes[0] == 0xFF : (224...239).contains(bytes[0]) }
  /// fe80::/10: means nothing without an interface.
  var isLinkLocalIPv6: Bool { isIPv6 && bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80 }

  /// Nil where `text` is not exactly one address, without prefix length, scope or port.
  init?(_ text: String) {
    guard !text.utf8.contains(0) else { return nil }
    for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
      var bytes = [UInt8](repeating: 0, count: count)
      guard inet_pton(family, text, &bytes) == 1 else { continue }
      var printed = [CChar](repeating: 0, count: 64)
      guard inet_ntop(family, bytes, &printed, socklen_t(printed.count)) != nil else { return nil }
      self.bytes = bytes
      self.text = String(
        decoding: printed.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      return
    }
    return nil
  }

  /// All bits after the prefix are 0, or all are 1.
  func hostBitsAreUniform(prefixLength: Int) -> (allZero: Bool, allOne: Bool) {
    var result = (allZero: true, allOne: true)
    for bit in prefixLength..<max(bits, prefixLength) {
      let isSet = bytes[bit / 8] & (0x80 >> UInt8(bit % 8)) != 0
      if isSet { result.allZero = false } else { result.allOne = false }
    }
    return result
  }
}
