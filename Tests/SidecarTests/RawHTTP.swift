import Foundation
import Glibc
import Testing

/// A client that sends exactly the bytes it is given, on a thread of its own.
struct RawHTTP: Sendable {
  enum Address: Sendable {
    case loopback(port: Int)
    case unix(String)
  }

  struct Failure: Error { var message: String }

  struct Answer: Equatable {
    var code: Int
    var head: String
    var body: String
  }

  var address: Address

  /// Sends `METHOD path` and reads until the server closes, 120 s at most.
  func ask(_ method: String, _ path: String, body: String = "") async throws -> Answer {
    let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
    let text = try await exchange(
      "\(method) \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(length)\r\n\(body)")
    guard let end = text.firstRange(of: "\r\n\r\n") else { throw Failure(message: "no head: \(text)") }
    let head = String(text[..<end.lowerBound])
    guard let code = head.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
      throw Failure(message: head)
    }
    return Answer(code: code, head: head.lowercased(), body: String(text[end.upperBound...]))
  }

  /// Sends bytes and reads until the server closes.
  func exchange(_ request: String) async throws -> String {
    let descriptor = try connected()
    return try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        defer { close(descriptor) }
        let bytes = Array(request.utf8)
        guard send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
          continuation.resume(throwing: Failure(message: "send: \(errno)"))
          return
        }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
          let count = recv(descriptor, &buffer, buffer.count, 0)
          if count > 0 { received += buffer[..<count] }
          if count == 0 { break }
          if count < 0 {
            continuation.resume(throwing: Failure(message: "recv: \(errno)"))
            return
          }
        }
        continuation.resume(returning: String(decoding: received, as: UTF8.self))
      }
    }
  }

  /// A connected socket; the caller closes it.
  func connected() throws -> Int32 {
    let family = if case .unix = address { AF_UNIX } else { AF_INET }
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: 120, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let result: Int32
    switch address {
    case .loopback(let port):
      var target = sockaddr_in()
      target.sin_family = sa_family_t(AF_INET)
      target.sin_port = in_port_t(port).bigEndian
      target.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
      result = withUnsafeBytes(of: &target) { bytes in
        connect(descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
      }
    case .unix(let path):
      var target = sockaddr_un()
      target.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
      result = withUnsafeBytes(of: &target) { bytes in
        connect(descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
      }
    }
    guard result == 0 else {
      let code = errno
      close(descriptor)
      throw Failure(message: "connect: \(code)")
    }
    return descriptor
  }
}

/// A listening UNIX socket; the caller closes it.
func bindSocket(_ path: String) -> Int32 {
  let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
  let result = withUnsafeBytes(of: &address) { bytes in
    bind(descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
  }
  #expect(result == 0)
  #expect(listen(descriptor, 1) == 0)
  return descriptor
}
