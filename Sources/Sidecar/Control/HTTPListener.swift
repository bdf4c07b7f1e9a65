internal import Foundation
internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOPosix
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
  static let usualIdleTimeout = Duration.seconds(15)
  /// What requests in flight get to end in.
  private static let shutdownGrace = Duration.milliseconds(100)

  var address: Address
  var log: Logger
  var answer: @Sendable (HTTPQuestion) async -> HTTPAnswer
  /// The socket listens; the port is 0 for a UNIX socket. A throw ends the server.
  var onListening: @Sendable (Int) async throws -> Void
  var idleTimeout = usualIdleTimeout

  /// Serves until graceful shutdown or cancellation.
  ///
  /// A connection that NIO has accepted but nobody has taken up yet traps when it is dropped ("Deinited
  /// NIOAsyncWriter without calling finish()"), and Hummingbird drops those when its task is cancelled, or told to
  /// stop between binding and listening. So it runs in a task of its own, which is always awaited and never
  /// cancelled, is told to stop only once it listens, and the requests in flight are ended by ``hardStop``.
  func run() async throws {
    let refusal = Refusal()
    let (stop, listens, hardStop) = (Latch(), Latch(), Latch())
    let service = try service(refusal: refusal, listens: listens, hardStop: hardStop)
    let services = ServiceGroup(services: [service], logger: quietLog)
    let server = Task.detached { try await services.run() }
    let outcome = await withTaskCancellationOrGracefulShutdownHandler {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await Self.end(services, stop: stop, listens: listens, hardStop: hardStop) }
        let outcome = await server.result
        for latch in [stop, listens, hardStop] { latch.fire() }
        return outcome
      }
    } onCancelOrGracefulShutdown: {
      stop.fire()
    }
    if let error = refusal.error { throw error }
    try outcome.get()
  }

  /// Waits for the word to stop, then lets idle connections go at once and requests in flight soon.
  private static func end(_ services: ServiceGroup, stop: Latch, listens: Latch, hardStop: Latch) async {
    await uncancelled {
      await stop.wait()
      await listens.wait()
      await services.triggerGracefulShutdown()
    }
    try? await Task.sleep(for: shutdownGrace)
    hardStop.fire()
  }

  /// Runs `body` where the cancellation of this task does not reach it.
  private static func uncancelled(_ body: @escaping @Sendable () async -> Void) async {
    await Task.detached { await body() }.value
  }

  /// What ``onListening`` threw.
  private final class Refusal: Sendable {
    private let thrown = Mutex<(any Error)?>(nil)
    var error: (any Error)? { thrown.withLock { $0 } }
    func keep(_ error: any Error) { thrown.withLock { $0 = error } }
  }

  private var quietLog: Logger {
    var log = log
    log.logLevel = max(log.logLevel, .error)
    return log
  }

  /// Not Hummingbird's `Application`, which wakes every second to know the date.
  private func service(refusal: Refusal, listens: Latch, hardStop: Latch) throws -> any Service {
    let bindAddress: BindAddress =
      switch address {
      case .tcp(let host, let port): .hostname(host, port: port)
      case .unix(let path): .unixDomainSocket(path: path)
      }
    return try HTTPServerBuilder.http1(
      configuration: HTTP1Channel.Configuration(idleTimeout: TimeAmount(idleTimeout))
    )
    .buildServer(
      configuration: ServerConfiguration(
        address: bindAddress,
        availableConnectionsDelegate: MaximumAvailableConnections(Self.mostConnections, logger: quietLog)),
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: quietLog
    ) { (request, writer: consuming ResponseWriter, _) in
      let response = await respond(to: request, hardStop: hardStop)
      try await writer.write(response: response.head, body: response.body)
    } onServerRunning: { channel in
      do {
        try await onListening(channel.localAddress?.port ?? 0)
      } catch {
        refusal.keep(error)
        channel.close(promise: nil)
      }
      listens.fire()
    }
  }

  private func respond(to request: Request, hardStop: Latch) async -> Response {
    let answer = await withTaskGroup(of: HTTPAnswer?.self) { group in
      group.addTask { await read(request) }
      group.addTask {
        await hardStop.wait()
        return nil
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first ?? HTTPAnswer(code: 503, json: ControlError(.indeterminate, "the daemon is stopping"))
    }
    var headers = HTTPFields()
    if !answer.body.isEmpty { headers[.contentType] = answer.contentType }
    if !answer.allowedMethods.isEmpty { headers[.allow] = answer.allowedMethods.joined(separator: ", ") }
    headers[.cacheControl] = "no-store"
    // RFC 9110, 6.6.1.
    headers[.date] = HTTPDate.text()
    return Response(
      status: HTTPResponse.Status(code: answer.code), headers: headers,
      body: answer.body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
  }

  private func read(_ request: Request) async -> HTTPAnswer {
    var request = request
    do {
      let body = try await request.collectBody(upTo: Self.largestBody)
      return await answer(
        HTTPQuestion(
          method: request.method.rawValue, path: request.uri.path, query: Self.parameters(request.uri.query),
          body: Array(body.readableBytesView), authorization: request.headers[.authorization]))
    } catch {
      return HTTPAnswer(
        code: 413,
        json: ControlError(.badRequest, "the request's body is larger than \(Self.largestBody) bytes"))
    }
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
