import CalloutProtocol
import Glibc

/// Asks the daemon over its socket; nothing here waits longer than the deadline.
struct DaemonConnection {
  /// Between two attempts while the daemon's queue of connections is full.
  private static let pauseMicroseconds: UInt32 = 2000

  /// Why there is no answer.
  enum Failure: Error {
    /// There is no socket, or nobody listens.
    case absent(String)
    /// This user may not open it.
    case denied(String)
    /// Somebody listens, and did not answer in time.
    case silent(String)
    /// What came is no answer.
    case broken(String)

    var text: String {
      switch self {
      case .absent(let text), .denied(let text), .silent(let text), .broken(let text): text
      }
    }
  }

  /// Sends a request and reads the reply.
  static func ask(
    _ request: CalloutRequest, at path: String, until deadline: Deadline
  ) throws(Failure) -> CalloutReply {
    let descriptor = try connect(to: path, until: deadline)
    // The process ends right after; the kernel closes.
    try send(request.bytes, to: descriptor, until: deadline)
    let header = try receive(CalloutFrame.headerLength, from: descriptor, until: deadline)
    do throws(CalloutProtocolError) {
      let length = try CalloutFrame.header(header).bodyLength
      let body: [UInt8]
      do throws(Failure) {
        body = try receive(length, from: descriptor, until: deadline)
      } catch {
        throw .truncated
      }
      return try CalloutReply(header + body)
    } catch {
      throw .broken("the daemon's answer can't be read: \(error.description)")
    }
  }

  private static func connect(to path: String, until deadline: Deadline) throws(Failure) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let fits = withUnsafeMutableBytes(of: &address.sun_path) { target in
      let bytes = Array(path.utf8)
      guard bytes.count < target.count else { return false }
      target.copyBytes(from: bytes)
      return true
    }
    guard fits else { throw .absent("\(path) is too long for a socket") }
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let descriptor = socket(AF_UNIX, type, 0)
    guard descriptor >= 0 else { throw .broken("no socket: \(errorText(errno))") }
    while true {
      let result = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
          Glibc.connect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      if result == 0 { return descriptor }
      switch errno {
      case EINTR: continue
      case EAGAIN:
        // The queue of connections is full, and a UNIX socket can't be waited for (unix(7)).
        guard deadline.milliseconds > 0 else {
          throw .silent("the daemon takes no connection on \(path)")
        }
        usleep(pauseMicroseconds)
      case ENOENT, ENOTDIR, ECONNREFUSED:
        throw .absent("no daemon listens on \(path)")
      case EACCES, EPERM:
        throw .denied("user \(geteuid()) may not open \(path)")
      default:
        throw .broken("\(path): \(errorText(errno))")
      }
    }
  }

  /// A daemon that refuses may have hung up before this is sent; what it said before that is still to be read.
  private static func send(
    _ bytes: [UInt8], to descriptor: Int32, until deadline: Deadline
  ) throws(Failure) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes { rest in
        Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 {
        sent += count
      } else if errno == EAGAIN {
        try wait(for: POLLOUT, on: descriptor, until: deadline)
      } else if errno == EPIPE {
        return
      } else if errno != EINTR {
        throw .broken("the daemon hung up: \(errorText(errno))")
      }
    }
  }

  private static func receive(
    _ wanted: Int, from descriptor: Int32, until deadline: Deadline
  ) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: wanted)
    while bytes.count < wanted {
      let count = recv(descriptor, &chunk, wanted - bytes.count, 0)
      if count > 0 {
        bytes += chunk[..<count]
      } else if count == 0 {
        throw .broken("the daemon hung up before it had answered")
      } else if errno == EAGAIN {
        try wait(for: POLLIN, on: descriptor, until: deadline)
      } else if errno != EINTR {
        throw .broken("the daemon hung up: \(errorText(errno))")
      }
    }
    return bytes
  }

  private static func wait(
    for events: Int32, on descriptor: Int32, until deadline: Deadline
  ) throws(Failure) {
    var polled = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    let left = deadline.milliseconds
    guard left > 0 else { throw .silent("the daemon did not answer in time") }
    _ = poll(&polled, 1, left)
  }
}

/// What the C library calls an error number.
func errorText(_ number: Int32) -> String {
  strerror(number).map { String(cString: $0) } ?? "error \(number)"
}
