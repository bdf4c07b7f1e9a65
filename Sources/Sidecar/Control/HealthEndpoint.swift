public import Logging
public import ServiceLifecycle

/// The health-ping endpoint for monitors: HTTP on TCP.
///
/// `/health`, `/liveness`, `/readiness`, `/primary?service=`, `/candidate?service=` and `/status` answer 200 or 503
/// with a JSON body that says why, `/metrics` 200 with Prometheus' text format; to HEAD and OPTIONS without a body.
/// Nothing here waits for the store, a file or
/// another node: ``ControlService/status()`` doesn't. Where the node file names a token, ``ReportDoor`` is beside them.
public struct HealthEndpoint: Service {
  private let host: String
  private let port: Int
  private let tokenFile: String?
  private let service: any ControlService
  private let log: Logger
  private let onListening: @Sendable (Int) async -> Void

  /// An endpoint that listens once it runs; `onListening` gets the port, which the kernel chooses where the
  /// configuration says 0.
  public init(
    configuration: HealthConfiguration, service: any ControlService, log: Logger,
    onListening: @escaping @Sendable (Int) async -> Void = { _ in }
  ) {
    self.host = configuration.listenHost
    self.port = configuration.listenPort
    self.tokenFile = configuration.reportTokenFile
    self.service = service
    self.log = log
    self.onListening = onListening
  }

  /// Serves until graceful shutdown or cancellation. Throws ``EndpointError`` where it can't listen.
  public func run() async throws {
    let (service, log, host, tokenFile, onListening) = (service, log, host, tokenFile, onListening)
    let listener = HTTPListener(
      address: .tcp(host: host, port: port), log: log,
      answer: { question in
        if let tokenFile, question.path == "/v1/health-reports" {
          return await ReportDoor(tokenFile: tokenFile, service: service, log: log).answer(question)
        }
        return await Self.answer(question, service)
      },
      onListening: { port in
        log.info("health endpoint listens", metadata: ["address": "\(host)", "port": "\(port)"])
        await onListening(port)
      })
    do {
      try await listener.run()
    } catch {
      throw EndpointError(
        "health endpoint: can't listen on \(host) port \(port): \(error); another program may have the port, change"
          + " health.listen in the node file")
    }
  }

  private static func answer(_ question: HTTPQuestion, _ service: any ControlService) async -> HTTPAnswer {
    let answer = HealthAnswer.to(
      method: question.method, path: question.path, services: question.values("service"),
      status: await service.status())
    var result =
      switch answer.content {
      case .none: HTTPAnswer(code: answer.code)
      case .report(let report): HTTPAnswer(code: answer.code, json: report)
      case .status(let status): HTTPAnswer(code: answer.code, json: status)
      case .metrics(let status):
        HTTPAnswer(
          code: answer.code, body: Array(MetricsText.render(status).utf8),
          contentType: MetricsText.contentType)
      case .refusal(let refusal): HTTPAnswer(code: answer.code, json: refusal)
      }
    result.allowedMethods = answer.allowedMethods
    return result
  }
}
