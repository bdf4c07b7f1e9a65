import Glibc
public import ONCRPC
import Synchronization

/// Serves calls that arrive as datagrams at one port of this host, on a thread of its own.
public final class RPCDatagramService: Sendable {
  /// A call as it arrived.
  public struct Request: Sendable {
    /// Its head.
    public let call: RPCCall
    /// The arguments in XDR.
    public let arguments: [UInt8]
    /// `ADDRESS:PORT` of the caller.
    public let source: String
  }

  /// Where it listens.
  public let port: UInt16

  private let stopPipe: Int32
  private let isStopped = Mutex(false)

  /// Binds a UDP port of IPv4 loopback and begins to serve.
  ///
  /// - Parameters:
  ///   - isPrivileged: choose a port below 1024, which takes root or `CAP_NET_BIND_SERVICE`; otherwise the
  ///     kernel chooses.
  ///   - answer: runs on the service's thread, one call at a time, and gives the reply's outcome.
  /// - Throws: ``RPCError`` where the port can't be had.
  public init(
    isPrivileged: Bool, answer: @escaping @Sendable (Request) -> RPCReply.Outcome
  ) throws(RPCError) {
    let flags = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
    let socket = socket(AF_INET, flags, 0)
    guard socket >= 0 else { throw RPCError(.failed, "no UDP socket: \(systemErrorText(errno))") }
    var local = sockaddr_in()
    local.sin_family = sa_family_t(AF_INET)
    local.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status =
      isPrivileged
      ? bindresvport(socket, &local)
      : withUnsafePointer(to: &local) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, size) }
      }
    guard status == 0 else {
      let text = systemErrorText(errno)
      close(socket)
      throw RPCError(
        .failed,
        "no \(isPrivileged ? "privileged " : "")UDP port of 127.0.0.1: \(text)"
          + (isPrivileged ? "; ports below 1024 take root or CAP_NET_BIND_SERVICE" : ""))
    }
    var bound = sockaddr_in()
    var boundSize = size
    let nameStatus = withUnsafeMutablePointer(to: &bound) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &boundSize) }
    }
    var pipes: [Int32] = [0, 0]
    guard nameStatus == 0, pipe(&pipes) == 0 else {
      let text = systemErrorText(errno)
      close(socket)
      throw RPCError(.failed, "the service at 127.0.0.1 can't start: \(text)")
    }
    _ = fcntl(pipes[0], F_SETFD, FD_CLOEXEC)
    _ = fcntl(pipes[1], F_SETFD, FD_CLOEXEC)
    port = UInt16(bigEndian: bound.sin_port)
    stopPipe = pipes[1]
    let stop = pipes[0]
    guard Job({ RPCDatagramService.serve(socket, until: stop, answer) }).start() else {
      close(socket)
      close(pipes[0])
      close(pipes[1])
      isStopped.withLock { $0 = true }
      throw RPCError(.failed, "the system has no thread left for the service at 127.0.0.1")
    }
  }

  deinit { stop() }

  /// Ends the service; a call that is being answered is answered still.
  public func stop() {
    let isFirst = isStopped.withLock { isStopped in
      defer { isStopped = true }
      return !isStopped
    }
    // The thread sees the other end close.
    if isFirst { close(stopPipe) }
  }

  private static func serve(
    _ socket: Int32, until stop: Int32, _ answer: @Sendable (Request) -> RPCReply.Outcome
  ) {
    defer {
      close(socket)
      close(stop)
    }
    // The longest datagram that UDP carries.
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      var waiting = [
        pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
        pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&waiting, nfds_t(waiting.count), -1) >= 0 || errno == EINTR else { return }
      if waiting[1].revents != 0 { return }
      if waiting[0].revents == 0 { continue }
      var source = sockaddr_storage()
      var sourceSize = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let count = withUnsafeMutablePointer(to: &source) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          recvfrom(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT), $0, &sourceSize)
        }
      }
      // Errors of earlier replies (a caller that went away) arrive here too, and mean nothing for the next.
      guard count >= 0 else { continue }
      let caller = withUnsafePointer(to: &source) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { SocketAddress($0, length: sourceSize) }
      }
      guard let reply = reply(to: Array(buffer.prefix(count)), from: caller, answer) else { continue }
      _ = caller.withPointer { sendto(socket, reply, reply.count, 0, $0, $1) }
    }
  }

  /// Nil where the datagram deserves no answer.
  private static func reply(
    to message: [UInt8], from caller: SocketAddress, _ answer: @Sendable (Request) -> RPCReply.Outcome
  ) -> [UInt8]? {
    do throws(RPCMessageError) {
      let (call, arguments) = try RPCCall.parse(message)
      let request = Request(call: call, arguments: arguments, source: caller.text)
      return RPCReply(transactionID: call.transactionID, answer(request)).message
    } catch {
      guard case .unsupportedVersion(_, let transactionID) = error else { return nil }
      return RPCReply(transactionID: transactionID, .versionMismatch(low: 2, high: 2)).message
    }
  }
}
