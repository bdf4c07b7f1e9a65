import NIOCore
import NIOHTTP1
import NIOPosix

/// One HTTP/1.1 request over a UNIX socket, on a connection of its own.
struct SocketRequest: Sendable {
  struct Answer: Sendable {
    var status: Int
    var body: ByteBuffer
  }

  enum Failure: Error, CustomStringConvertible {
    case timedOut
    case closedEarly
    case tooLarge

    var description: String {
      switch self {
      case .timedOut: "no answer in time"
      case .closedEarly: "it closed the connection"
      case .tooLarge: "its answer has more than \(largestAnswer) bytes"
      }
    }
  }

  private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

  static let largestAnswer = 256 * 1024 * 1024
  private static let pauseBeforeRetry = Duration.milliseconds(20)

  var method: HTTPMethod
  /// Path and query.
  var uri: String
  /// JSON.
  var body: ByteBuffer?

  /// Sends it to whoever listens on `path` and reads the whole answer.
  ///
  /// - Throws: ``Failure``, or `IOError` where the system refuses.
  func send(to path: String, within limit: Duration) async throws -> Answer {
    try await withThrowingTaskGroup(of: Answer.self) { group in
      group.addTask { try await exchange(Self.connect(to: path)) }
      group.addTask {
        try await Task.sleep(for: limit)
        throw Failure.timedOut
      }
      defer { group.cancelAll() }
      guard let answer = try await group.next() else { throw Failure.timedOut }
      return answer
    }
  }

  private static func connect(to path: String) async throws -> Connection {
    while true {
      do {
        return try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
          .connect(unixDomainSocketPath: path) { channel in
            channel.eventLoop.makeCompletedFuture {
              try channel.pipeline.syncOperations.addHTTPClientHandlers()
              return try Connection(wrappingChannelSynchronously: channel)
            }
          }
      } catch let error as IOError where error.errnoCode == EAGAIN {
        // The daemon has not yet accepted those who came before (unix(7), connect on a full backlog).
        try await Task.sleep(for: pauseBeforeRetry)
      }
    }
  }

  private func exchange(_ connection: Connection) async throws -> Answer {
    try await connection.executeThenClose { inbound, outbound in
      var headers: HTTPHeaders = ["Host": "localhost", "Connection": "close"]
      if let body {
        headers.add(name: "Content-Type", value: "application/json")
        headers.add(name: "Content-Length", value: "\(body.readableBytes)")
      }
      var parts: [HTTPClientRequestPart] = [
        .head(HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: headers))
      ]
      if let body { parts.append(.body(.byteBuffer(body))) }
      parts.append(.end(nil))
      // At once: without a body the head is all that a server waits for, and it may have answered and closed before a second
      // write, which would then fail.
      try await outbound.write(contentsOf: parts)
      var answer = Answer(status: 0, body: ByteBuffer())
      for try await part in inbound {
        switch part {
        case .head(let head):
          answer.status = Int(head.status.code)
        case .body(var piece):
          guard answer.body.readableBytes + piece.readableBytes <= Self.largestAnswer else {
            throw Failure.tooLarge
          }
          answer.body.writeBuffer(&piece)
        case .end:
          return answer
        }
      }
      throw Failure.closedEarly
    }
  }
}
