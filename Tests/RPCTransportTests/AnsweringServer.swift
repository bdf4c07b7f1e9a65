import Glibc
import ONCRPC

@testable import RPCTransport

/// An ``RPCServer`` on a thread of its own, as long as this value lives.
final class AnsweringServer: Sendable {
  /// Where it listens over UDP, IPv4.
  let port: UInt16
  private let stop: Int32

  private init(port: UInt16, stop: Int32) { (self.port, self.stop) = (port, stop) }

  // The thread sees the other end close.
  deinit { close(stop) }

  static func start(
    _ answer: @escaping @Sendable (RPCCall, [UInt8]) -> RPCReply.Outcome
  ) async throws -> AnsweringServer {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw LoopbackSocket.SocketFailure(number: errno) }
    let (stopped, stop) = (ends[0], ends[1])
    let port: UInt16 = try await withCheckedThrowingContinuation { continuation in
      let isStarted = Job {
        defer { close(stopped) }
        let server: RPCServer
        do throws(RPCError) {
          server = try RPCServer(port: nil, messageLimit: 65_536)
        } catch {
          return continuation.resume(throwing: error)
        }
        continuation.resume(returning: server.endpoints.first { $0.netID == "udp" }?.port ?? 0)
        while true {
          let (arrivals, readable) = server.wait(for: nil, beside: [stopped])
          guard readable.isEmpty else { return }
          for arrival in arrivals { server.answer(arrival.request, answer(arrival.call, arrival.arguments)) }
        }
      }.start()
      if !isStarted { continuation.resume(throwing: LoopbackSocket.SocketFailure(number: EAGAIN)) }
    }
    return AnsweringServer(port: port, stop: stop)
  }
}
