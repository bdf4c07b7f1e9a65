import Glibc

/// A UDP socket at a privileged port of 127.0.0.1 that talks to other programs of this host: lockd believes a status
/// monitor only there (`nlm_privileged_requester`, fs/lockd/svcproc.c).
///
/// Belongs to one thread.
public final class LoopbackDatagrams {
  /// To be polled for reading.
  public let descriptor: Int32

  /// Binds the port, which takes root.
  ///
  /// - Throws: ``RPCError`` where none can be had.
  public init() throws(RPCError) {
    let flags = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let number = socket(AF_INET, flags, 0)
    guard number >= 0 else { throw RPCError(.failed, "no UDP socket: \(systemErrorText(errno))") }
    var address = LoopbackDatagrams.address(port: 0)
    guard bindresvport(number, &address) == 0 else {
      let text = systemErrorText(errno)
      close(number)
      throw RPCError(.failed, "no privileged UDP port of 127.0.0.1: \(text); start it as root")
    }
    descriptor = number
  }

  deinit { close(descriptor) }

  /// Sends a datagram; what can't be sent is lost, as datagrams are.
  public func send(_ bytes: [UInt8], port: UInt16) {
    var address = LoopbackDatagrams.address(port: port)
    withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        _ = sendto(
          descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL), pointer,
          socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  /// What arrived, with the port that it came from.
  public func receive() -> [(bytes: [UInt8], port: UInt16)] {
    var received: [(bytes: [UInt8], port: UInt16)] = []
    var buffer = [UInt8](repeating: 0, count: 2_048)
    for _ in 0..<256 {
      var source = sockaddr_in()
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let count = withUnsafeMutablePointer(to: &source) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          recvfrom(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT), $0, &size)
        }
      }
      // ECONNREFUSED and the like are answers, too: nobody listens there.
      guard count >= 0 else {
        if errno == EAGAIN { break } else { continue }
      }
      received.append((Array(buffer[..<count]), UInt16(bigEndian: source.sin_port)))
    }
    return received
  }

  private static func address(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    address.sin_port = port.bigEndian
    return address
  }
}
