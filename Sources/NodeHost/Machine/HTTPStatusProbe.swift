import Glibc

/// Asks an HTTP server for the status of one path and reads nothing else; blocks, so it belongs on a thread of its own.
public enum HTTPStatusProbe {
  /// The status; nil where there was no answer in time, or none that is HTTP.
  ///
  /// - Parameters:
  ///   - host: an IPv4 or IPv6 literal: nothing is looked up.
  ///   - limit: to connect, to send and to receive, each.
  public static func status(host: String, port: UInt16, target: String, within limit: Duration) -> Int? {
    var hints = addrinfo()
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, String(port), &hints, &list) == 0, let first = list else { return nil }
    defer { freeaddrinfo(first) }
    let descriptor = socket(
      first.pointee.ai_family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    // connect(2) on Linux honours SO_SNDTIMEO as well (socket(7)).
    let (seconds, attoseconds) = limit.components
    var time = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    for option in [SO_SNDTIMEO, SO_RCVTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
    }
    guard connect(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 else { return nil }
    let request = Array("GET \(target) HTTP/1.1\r\nHost: lockferry\r\nConnection: close\r\n\r\n".utf8)
    guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
      return nil
    }
    // The status line begins with `HTTP/1.1 200` (RFC 9112 section 4).
    var answer = [UInt8](repeating: 0, count: 12)
    var length = 0
    while length < answer.count {
      let count = answer.withUnsafeMutableBytes {
        recv(descriptor, $0.baseAddress?.advanced(by: length), $0.count - length, 0)
      }
      guard count > 0 else { return nil }
      length += count
    }
    guard answer.starts(with: "HTTP/1.".utf8) else { return nil }
    return Int(String(decoding: answer[9...], as: UTF8.self))
  }
}
