internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import ServiceLifecycle
internal import Synchronization

/// One HTTP/1.1 server on one address, that ends within 200 ms when it is told to.
struct HTTPListener {
  /// Where it listens.
  enum Address: Equatable {
    case tcp(host: String, port: Int)
    case unix(path: String)
  }

  /// More than any set of monitors needs; the rest waits in the kernel's backlog.
  private static let mostConnections = 256
  /// A migration request is a few hundred bytes.
  private static let largestBody = 64 * 1024
  /// Nobody keeps a connection, or half a request, for longer without a word.
  private static let idleTimeout = TimeAmount.seconds(15)
  /// What requests in flight get to end in.
  private static let shutdownGrace = Duration.milliseconds(150)

  var address: Address
  var log: Logger
  var answer: @Sendable (HTTPQuestion) async -> HTTPAnswer
  /// The socket listens; the port is 0 for a UNIX socket. A throw ends the server.
  var onListening: @Sendable (Int) async throws -> Void

  /// Serves until graceful shutdown or cancellation.
  func run() async throws {
    let refusal = Refusal()
    let application = application(refusal: refusal)
    let outcome: Result<Void, any Error> = await withTaskGroup(of: Result<Void, any Error>?.self) { group in
      group.addTask {
        do { return .success(try await application.run()) } catch { return .failure(error) }
      }
      group.addTask {
        // Hummingbird closes idle connections on its own; whoever has not ended by then is cancelled.
        guard (try? await gracefulShutdown()) != nil else { return nil }
        try? await Task.sleep(for: Self.shutdownGrace)
        return nil
      }
      let first = await group.next() ?? nil
      let endsAsAsked = first == nil || Task.isCancelled || Task.isShuttingDownGracefully
      group.cancelAll()
      await group.waitForAll()
      return endsAsAsked ? .success(()) : first ?? .success(())
    }
    if let error = refusal.error { throw error }
    try outcome.get()
  }

  /// What ``onListening`` threw.
  private final class Refusal: Sendable {
    private let thrown = Mutex<(any Error)?>(nil)
    var error: (any Error)? { thrown.withLock { $0 } }
    func keep(_ error: any Error) { thrown.withLock { $0 = error } }
  }

  private func application(refusal: Refusal) -> some ApplicationProtocol {
    let bindAddress: BindAddress =
      switch address {
      case .tcp(let host, let port): .hostname(host, port: port)
      case .unix(let path): .unixDomainSocket(path: path)
      }
    var quiet = log
    quiet.logLevel = max(log.logLevel, .error)
    return Application(
      responder: CallbackResponder<BasicRequestContext> { request, _ in await respond(to: request) },
      server: .http1(configuration: HTTP1Channel.Configuration(idleTimeout: Self.idleTimeout)),
      configuration: ApplicationConfiguration(
        address: bindAddress,
        availableConnectionsDelegate: MaximumAvailableConnections(Self.mostConnections, logger: quiet)),
      onServerRunning: { channel in
        do {
          try await onListening(channel.localAddress?.port ?? 0)
        } catch {
          refusal.keep(error)
          channel.close(promise: nil)
        }
      },
      logger: quiet)
  }

  private func respond(to request: Request) async -> Response {
    var request = request
    let answer: HTTPAnswer
    do {
      let body = try await request.collectBody(upTo: Self.largestBody)
      answer = await self.answer(
        HTTPQuestion(
          method: request.method.rawValue, path: request.uri.path, query: Self.parameters(request.uri.query),
          body: Array(body.readableBytesView)))
    } catch {
      answer = HTTPAnswer(
        code: 413,
        json: ControlError(.badRequest, "the request's body is larger than \(Self.largestBody) bytes"))
    }
    var headers = HTTPFields()
    if !answer.body.isEmpty { headers[.contentType] = "application/json" }
    if !answer.allowedMethods.isEmpty { headers[.allow] = answer.allowedMethods.joined(separator: ", ") }
    headers[.cacheControl] = "no-store"
    return Response(
      status: HTTPResponse.Status(code: answer.code), headers: headers,
      body: answer.body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
  }

  /// `a=1&b=%20` decoded; what can't be decoded is taken as it is written.
  static func parameters(_ query: String?) -> [HTTPQuestion.Parameter] {
    (query ?? "").split(separator: "&").map { pair in
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { part in
        let text = part.replacing("+", with: " ")
        return String(text).removingPercentEncoding ?? String(text)
      }
      return HTTPQuestion.Parameter(name: parts[0], value: parts.count > 1 ? parts[1] : "")
    }
  }
}
