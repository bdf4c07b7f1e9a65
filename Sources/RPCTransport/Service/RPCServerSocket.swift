import CLinux
import Glibc

/// A socket at which calls arrive, on every address of one family.
struct RPCServerSocket {
  let number: Int32
  let transport: RPCProtocol
  let isIPv6: Bool
  let port: UInt16

  /// Nil where this host has no IPv6.
  init?(_ transport: RPCProtocol, isIPv6: Bool, port: UInt16) throws(RPCError) {
    let name = "\(transport.netID(isIPv6: isIPv6)) port \(port == 0 ? "of the kernel's choice" : "\(port)")"
    let type = transport == .tcp ? SOCK_STREAM : SOCK_DGRAM
    let number = socket(
      isIPv6 ? AF_INET6 : AF_INET, Int32(type.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard number >= 0 else {
      if isIPv6, errno == EAFNOSUPPORT { return nil }
      throw RPCError(.failed, "\(name): no socket: \(systemErrorText(errno))")
    }
    let bound: UInt16?
    do throws(RPCError) {
      bound = try RPCServerSocket.bind(number, transport, isIPv6: isIPv6, port: port, name)
    } catch {
      close(number)
      throw error
    }
    guard let bound else {
      close(number)
      return nil
    }
    (self.number, self.transport, self.isIPv6, self.port) = (number, transport, isIPv6, bound)
  }

  private static func bind(
    _ number: Int32, _ transport: RPCProtocol, isIPv6: Bool, port: UInt16, _ name: String
  ) throws(RPCError) -> UInt16? {
    func set(_ level: Int32, _ option: Int32, _ value: Int32 = 1) {
      var value = value
      setsockopt(number, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
    if isIPv6 { set(Int32(IPPROTO_IPV6), IPV6_V6ONLY) }
    if transport == .tcp { set(SOL_SOCKET, SO_REUSEADDR) }
    // Clients that were told of a restart answer all at once.
    if transport == .udp { set(SOL_SOCKET, SO_RCVBUF, 1 << 20) }
    var address = isIPv6 ? SocketAddress.anyIPv6 : SocketAddress.anyIPv4
    address.port = port
    let isBound = address.withPointer { Glibc.bind(number, $0, $1) } == 0
    if !isBound, isIPv6, errno == EADDRNOTAVAIL { return nil }
    guard isBound, transport == .udp || listen(number, 128) == 0 else {
      throw RPCError(.failed, "\(name): \(systemErrorText(errno)); does another program listen there?")
    }
    if transport == .udp {
      let status = lfs_want_routes(number, address.family)
      guard status == 0 else { throw RPCError(.failed, "\(name): \(systemErrorText(-status))") }
    }
    guard let port = SocketAddress.local(of: number)?.port else {
      throw RPCError(.failed, "\(name): \(systemErrorText(errno))")
    }
    return port
  }
}

extension SocketAddress {
  static var anyIPv4: SocketAddress {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    return withUnsafeBytes(of: address) { SocketAddress(bytes: Array($0)) }
  }

  static var anyIPv6: SocketAddress {
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    return withUnsafeBytes(of: address) { SocketAddress(bytes: Array($0)) }
  }

  /// Where a socket is bound; nil and `errno` where that can't be told.
  static func local(of socket: Int32) -> SocketAddress? { read(socket, getsockname) }

  private static func read(
    _ socket: Int32,
    _ call: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
  ) -> SocketAddress? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let status = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(socket, $0, &size) }
    }
    guard status == 0 else { return nil }
    return withUnsafeBytes(of: storage) { SocketAddress(bytes: Array($0.prefix(Int(size)))) }
  }
}
