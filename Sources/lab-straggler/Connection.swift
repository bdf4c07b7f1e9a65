import Glibc
import ONCRPC

/// A TCP connection for one call. Closing it resets it, so that nothing of it waits anywhere.
struct Connection: ~Copyable {
  /// For connecting, for sending and for each part of the answer, in milliseconds.
  private static let patience: Int32 = 500
  private let descriptor: Int32

  init(address: String, port: UInt16) throws(NFSFailure) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK | O_CLOEXEC, 0)
    guard descriptor >= 0 else { throw .silent(Self.reason) }
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
    var target = sockaddr_in()
    target.sin_family = sa_family_t(AF_INET)
    target.sin_port = port.bigEndian
    guard inet_pton(AF_INET, address, &target.sin_addr) == 1 else { throw .silent("\(address)?") }
    let result = withUnsafePointer(to: &target) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 || errno == EINPROGRESS else { throw .silent(Self.reason) }
    try wait(for: POLLOUT)
    var failure: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size)
    guard failure == 0 else { throw .silent(String(cString: strerror(failure))) }
  }

  deinit { close(descriptor) }

  /// Sends a call and waits for its reply.
  mutating func exchange(_ call: RPCCall, _ arguments: [UInt8]) throws(NFSFailure) -> RPCReply {
    let record: [UInt8]
    do throws(XDRError) {
      record = RecordMarking.record(of: try call.message(arguments: arguments))
    } catch {
      throw .silent("\(error)")
    }
    var rest = record[...]
    while !rest.isEmpty {
      try wait(for: POLLOUT)
      let sent = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, 0) }
      guard sent > 0 else { throw .silent(Self.reason) }
      rest = rest.dropFirst(sent)
    }
    var assembler = RecordAssembler(limit: 65_536)
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      try wait(for: POLLIN)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { throw .silent(count == 0 ? "closed" : Self.reason) }
      do {
        for message in try assembler.receive(buffer.prefix(count)) {
          let reply = try RPCReply.parse(message)
          if reply.transactionID == call.transactionID { return reply }
        }
      } catch {
        throw .silent("\(error)")
      }
    }
  }

  private func wait(for events: Int32) throws(NFSFailure) {
    var question = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    guard poll(&question, 1, Self.patience) == 1 else { throw .silent("no answer") }
  }

  private static var reason: String { String(cString: strerror(errno)) }
}
