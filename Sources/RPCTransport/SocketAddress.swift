import Glibc
import StatusMonitor

/// An IPv4 or IPv6 address and port, as the kernel takes it.
struct SocketAddress: Sendable, Equatable {
  /// A `sockaddr_in` or a `sockaddr_in6`.
  private(set) var bytes: [UInt8]

  var family: Int32 { Int32(bytes.withUnsafeBytes { $0.loadUnaligned(as: sa_family_t.self) }) }
  var isIPv6: Bool { family == AF_INET6 }

  /// In both kinds of address the port stands after the family, most significant byte first.
  var port: UInt16 {
    get { UInt16(bytes[2]) << 8 | UInt16(bytes[3]) }
    set {
      bytes[2] = UInt8(newValue >> 8)
      bytes[3] = UInt8(newValue & 0xff)
    }
  }

  init(bytes: [UInt8]) { self.bytes = bytes }

  init(_ pointer: UnsafePointer<sockaddr>, length: socklen_t) {
    bytes = Array(UnsafeRawBufferPointer(start: pointer, count: Int(length)))
  }

  /// Without port.
  var host: HostAddress? {
    withPointer { pointer, _ in
      UnsafeRawPointer(pointer).withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { six in
        isIPv6
          ? withUnsafeBytes(of: six.pointee.sin6_addr) {
            HostAddress(bytes: Array($0), scope: six.pointee.sin6_scope_id)
          } : HostAddress(bytes: bytes[4..<8])
      }
    }
  }

  /// The addresses of a host, literal or name; port 0. May block as long as the resolver likes.
  static func resolve(host: String) throws(RPCError) -> [SocketAddress] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, nil, &hints, &list)
    guard status == 0 else {
      throw RPCError(.unknownHost, "host \(host) has no address: \(String(cString: gai_strerror(status)))")
    }
    defer { freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var next = list
    while let entry = next?.pointee {
      if entry.ai_family == AF_INET || entry.ai_family == AF_INET6, let address = entry.ai_addr {
        addresses.append(SocketAddress(address, length: entry.ai_addrlen))
      }
      next = entry.ai_next
    }
    guard !addresses.isEmpty else { throw RPCError(.unknownHost, "host \(host) has no address") }
    return addresses
  }

  func withPointer<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
    // sockaddr_storage has the alignment that the kernel's structures want; an array of bytes has not.
    var storage = sockaddr_storage()
    return withUnsafeMutableBytes(of: &storage) { raw in
      raw.copyBytes(from: bytes)
      return raw.withMemoryRebound(to: sockaddr.self) { pointer in
        guard let base = pointer.baseAddress else { preconditionFailure("sockaddr_storage has no bytes") }
        return body(base, socklen_t(bytes.count))
      }
    }
  }

  /// `ADDRESS:PORT`, the address of IPv6 in brackets.
  var text: String {
    var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let status = withPointer {
      getnameinfo($0, $1, &buffer, socklen_t(buffer.count), nil, 0, NI_NUMERICHOST)
    }
    guard status == 0 else { return "unknown address" }
    let host = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}

/// What the system says of an `errno`.
func systemErrorText(_ number: Int32) -> String {
  var buffer = [CChar](repeating: 0, count: 256)
  guard strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
  return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// That the kernel has no room for a datagram, and what to do; nil where its `errno` means something else.
///
/// It has none where an interface's queue takes no more packets (`net_xmit_errno`), or the neighbour table no more hosts
/// on the link: ENOBUFS from `ip_finish_output2`, EINVAL from `ip6_finish_output2`.
func noRoomToSend(_ number: Int32, isIPv6: Bool) -> String? {
  guard number == ENOBUFS || (number == EINVAL && isIPv6) else { return nil }
  let limit = "net.\(isIPv6 ? "ipv6" : "ipv4").neigh.default.gc_thresh3"
  return
    "\(systemErrorText(number)): is this machine's neighbour table (sysctl \(limit)) or a send queue full?"
}
