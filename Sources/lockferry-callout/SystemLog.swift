import Glibc

/// A line for whoever reads the log: to syslog, and to standard error, which rpc.statd shows when it runs in the
/// foreground and drops when it is a daemon.
///
/// Neither may hold us up. syslog(3) waits where the logger hangs, so the datagram is sent here, and is lost where it
/// can't be sent at once.
enum SystemLog {
  /// LOG_DAEMON and LOG_WARNING (RFC 3164, 4.1.1).
  private static let priority = 3 << 3 | 4

  static func warn(_ text: String) {
    let line = printable(text)
    write(line: "lockferry-callout: \(line)\n")
    send("<\(priority)>lockferry-callout[\(getpid())]: \(line)")
  }

  private static func write(line: String) {
    var polled = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
    guard poll(&polled, 1, 0) == 1, polled.revents & Int16(POLLOUT) != 0 else { return }
    signal(SIGPIPE, SIG_IGN)
    let bytes = Array(line.utf8)
    _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
  }

  private static func send(_ line: String) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array("/dev/log".utf8)) }
    let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let descriptor = socket(AF_UNIX, type, 0)
    guard descriptor >= 0 else { return }
    let bytes = Array(line.utf8)
    _ = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        sendto(
          descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), pointer,
          socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }

  /// Names come from strangers: nothing in a line moves a terminal's cursor or begins another line.
  private static func printable(_ text: String) -> String {
    var line = ""
    for byte in text.utf8.prefix(900) {
      line.unicodeScalars.append((0x20...0x7e).contains(byte) ? Unicode.Scalar(byte) : "?")
    }
    return line
  }
}
