import Glibc

/// A socket of 127.0.0.1 with a port of the kernel's choice; closed at the end.
final class LoopbackSocket: Sendable {
  let descriptor: Int32
  let port: UInt16

  /// - Parameter isListening: a TCP socket that takes connections, otherwise a UDP socket.
  init(isListening: Bool) throws {
    let type = isListening ? SOCK_STREAM : SOCK_DGRAM
    descriptor = socket(AF_INET, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let (socket, length) = (descriptor, size)
    let status = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(socket, pointer, length) == 0 ? getsockname(socket, pointer, &size) : -1
      }
    }
    port = UInt16(bigEndian: address.sin_port)
    if status != 0 || (isListening && listen(socket, 8) != 0) { throw SocketFailure(number: errno) }
  }

  deinit { close(descriptor) }

  struct SocketFailure: Error { let number: Int32 }
}
