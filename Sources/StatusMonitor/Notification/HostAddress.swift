/// The IPv4 or IPv6 address of a client, as a value of fixed size: a schedule may hold a hundred thousand.
public struct HostAddress: Hashable, Sendable, CustomStringConvertible {
  private let high: UInt64
  private let low: UInt64
  /// The interface of a link-local IPv6 address (`sin6_scope_id`), 0 elsewhere.
  public let scope: UInt32
  /// Whether it is an IPv6 address.
  public let isIPv6: Bool

  /// An address of 4 or 16 bytes in network order; nil for another number of bytes.
  public init?(bytes: some Collection<UInt8>, scope: UInt32 = 0) {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    var high: UInt64 = 0
    var low: UInt64 = 0
    for byte in bytes {
      high = high << 8 | low >> 56
      low = low << 8 | UInt64(byte)
    }
    // An IPv4 host as IPv6 sockets show it (RFC 4291, section 2.5.5.2); Ganesha registers clients so.
    let isMapped = bytes.count == 16 && high == 0 && low >> 32 == 0xffff
    self.high = high
    self.low = isMapped ? low & 0xffff_ffff : low
    self.scope = isMapped ? 0 : scope
    isIPv6 = bytes.count == 16 && !isMapped
  }

  /// 4 or 16 bytes in network order.
  public var bytes: [UInt8] {
    let all = [high, low].flatMap { number in
      (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
    }
    return isIPv6 ? all : Array(all.suffix(4))
  }

  /// The literal: dotted decimal, or hexadecimal groups with the longest run of zeros left out (RFC 5952).
  public var description: String {
    guard isIPv6 else { return bytes.map(String.init).joined(separator: ".") }
    let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    let text = HostAddress.shortened(groups)
    return scope == 0 ? text : "\(text)%\(scope)"
  }

  private static func shortened(_ groups: [UInt16]) -> String {
    func text(_ part: some Sequence<UInt16>) -> String {
      part.map { String($0, radix: 16) }.joined(separator: ":")
    }
    var longest = 0..<0
    var start = 0
    while start < groups.count {
      let end = groups[start...].firstIndex { $0 != 0 } ?? groups.count
      if end - start > max(longest.count, 1) { longest = start..<end }
      start = end + 1
    }
    guard !longest.isEmpty else { return text(groups) }
    return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
  }
}
