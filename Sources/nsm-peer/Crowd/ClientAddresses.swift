import Glibc

/// The addresses of the clients that the crowd plays: one after the other from a first one, so that a client is a
/// number everywhere else.
struct ClientAddresses: Sendable {
  let isIPv6: Bool
  let count: Int
  /// The first 8 bytes of an IPv6 address, which all clients share.
  private let prefix: UInt64
  /// IPv4: the address; IPv6: its last 8 bytes.
  private let first: UInt64

  /// - Throws: ``NSMPeerError`` where not all of them are loopback (127.0.0.0/8) or unique local (fd00::/8).
  init(first text: String, count: Int) throws {
    var (ipv4, ipv6) = (in_addr(), in6_addr())
    self.count = count
    let isIPv4 = inet_pton(AF_INET, text, &ipv4) == 1
    if isIPv4 {
      isIPv6 = false
      prefix = 0
      first = UInt64(UInt32(bigEndian: ipv4.s_addr))
      // 127.255.255.255 is a broadcast address, 127.0.0.0 is none of a host.
      guard first > 0x7f00_0000, first + UInt64(count) <= 0x7fff_ffff else {
        throw NSMPeerError("\(count) clients from \(text) on don't lie in 127.0.0.0/8")
      }
      return
    }
    guard inet_pton(AF_INET6, text, &ipv6) == 1 else { throw NSMPeerError("\(text) is no address") }
    isIPv6 = true
    (prefix, first) = withUnsafeBytes(of: &ipv6) {
      (
        UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
        UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      )
    }
    // The last 4 bytes tell clients apart for the kernel's filter.
    guard prefix >> 56 == 0xfd, first & 0xffff_ffff + UInt64(count) <= 0xffff_ffff else {
      throw NSMPeerError("\(count) clients from \(text) on don't lie in one part of fd00::/8")
    }
  }

  /// The client that has the address, in network order; IPv4 takes the first 4 bytes.
  func client(at address: UnsafeRawBufferPointer) -> Int? {
    let value: UInt64
    if isIPv6 {
      guard UInt64(bigEndian: address.loadUnaligned(as: UInt64.self)) == prefix else { return nil }
      value = UInt64(bigEndian: address.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    } else {
      value = UInt64(UInt32(bigEndian: address.loadUnaligned(as: UInt32.self)))
    }
    guard value >= first, value - first < UInt64(count) else { return nil }
    return Int(value - first)
  }

  /// 16 bytes in network order, the last 12 of an IPv4 address zero.
  func bytes(of client: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 16)
    let value = first + UInt64(client)
    if isIPv6 {
      for place in 0..<8 {
        bytes[place] = UInt8(truncatingIfNeeded: prefix >> (56 - 8 * UInt64(place)))
        bytes[8 + place] = UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64(place)))
      }
    } else {
      for place in 0..<4 { bytes[place] = UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt64(place))) }
    }
    return bytes
  }

  /// The last 4 bytes as they lie in memory in network order.
  func lastWord(of client: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: first + UInt64(client)).bigEndian
  }

  /// As people write it.
  func text(of client: Int) -> String { addressText(bytes(of: client), isIPv6: isIPv6) }
}

/// The text of an address in network order.
func addressText(_ bytes: [UInt8], isIPv6: Bool) -> String {
  var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
  guard inet_ntop(isIPv6 ? AF_INET6 : AF_INET, bytes, &text, socklen_t(text.count)) != nil else { return "" }
  return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
