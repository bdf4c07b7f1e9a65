internal import Foundation
public import Logging
public import ServiceLifecycle

/// The control socket: HTTP on a UNIX socket, for the command line.
///
/// | request | answer |
/// |---|---|
/// | `GET /v1/status` | ``NodeStatus`` |
/// | `GET /v1/records?service=` | list of ``RecordStatus`` |
/// | `GET /v1/history?service=` | list of ``HistoryEntry``, without their clients |
/// | `GET /v1/services/NAME/history/N` | ``HistoryEntry`` with every client |
/// | `POST /v1/requests` with ``RequestBody`` | ``RequestStatus``, 202 while it waits or runs |
/// | `GET /v1/requests/ID` | ``RequestStatus`` |
/// | `POST /v1/services/NAME/cancel` with ``CancelRequest`` | ``RequestStatus`` |
/// | `POST /v1/pause`, `POST /v1/resume` with ``MarkRequest`` | ``PauseStatus`` |
/// | `POST /v1/nodes/NAME/drain`, `POST /v1/nodes/NAME/undrain` with ``MarkRequest`` | ``DrainStatus`` |
/// | `GET /v1/nodes/NAME/drain` | ``DrainStatus`` |
/// | `POST /v1/services/NAME/thaw` | 204 |
/// | `POST /v1/services/NAME/unhold` | 204 |
/// | `POST /v1/health-reports` with ``ReportRequest`` | ``NodeStatus/Report`` |
/// | `POST /v1/services/NAME/notify` with ``NotificationRequest`` | ``NotificationStatus``, 202 |
/// | `GET /v1/services/NAME/notification` | ``NotificationStatus`` |
/// | `POST /v1/services/NAME/drill` with ``DrillRequest`` | ``DrillReport`` |
///
/// Whatever fails is a ``ControlError`` with the HTTP status that fits.
public struct ControlEndpoint: Service {
  private let socket: ControlSocket
  private let group: String?
  private let service: any ControlService
  private let log: Logger
  private let onListening: @Sendable () async -> Void
  var idleTimeout = HTTPListener.usualIdleTimeout

  /// An endpoint in `runDirectory`, which is made where it is missing; `group` may open the socket besides root.
  ///
  /// The node lock must be held: it proves that the daemon that left a socket behind is dead.
  public init(
    runDirectory: String, group: String?, service: any ControlService, log: Logger,
    onListening: @escaping @Sendable () async -> Void = {}
  ) {
    self.socket = ControlSocket(runDirectory: runDirectory)
    self.group = group
    self.service = service
    self.log = log
    self.onListening = onListening
  }

  /// Serves until graceful shutdown or cancellation. Throws ``EndpointError`` where it can't listen.
  public func run() async throws {
    let groupID: gid_t? =
      if let group { try await ControlSocket.groupID(of: group) } else { nil }
    try socket.prepare()
    let (socket, service, log, onListening) = (socket, service, log, onListening)
    let listener = HTTPListener(
      address: .unix(path: socket.privatePath), log: log,
      answer: { question in await Self.answer(question, service) },
      onListening: { _ in
        try socket.publish(groupID: groupID)
        log.info("control socket listens", metadata: ["path": "\(socket.path)"])
        await onListening()
      }, idleTimeout: idleTimeout)
    let result: Result<Void, any Error>
    do { result = .success(try await listener.run()) } catch { result = .failure(error) }
    socket.remove()
    do {
      try result.get()
    } catch let error as EndpointError {
      throw error
    } catch {
      throw EndpointError("control socket: can't listen on \(socket.path): \(error)")
    }
  }

  private static func answer(_ question: HTTPQuestion, _ service: any ControlService) async -> HTTPAnswer {
    let route: ControlRoute
    switch ControlRoute.find(question) {
    case .success(let found): route = found
    case .failure(let refusal):
      var answer = HTTPAnswer(code: refusal.code, json: refusal.error)
      answer.allowedMethods = refusal.allowedMethods
      return answer
    }
    do throws(ControlError) {
      switch route {
      case .status: return HTTPAnswer(code: 200, json: await service.status())
      case .records(let name): return HTTPAnswer(code: 200, json: try await service.records(service: name))
      case .history(let name): return HTTPAnswer(code: 200, json: try await service.history(service: name))
      case .historyEntry(let name, let number):
        return HTTPAnswer(code: 200, json: try await service.historyEntry(service: name, number: number))
      case .ask:
        let status = try await service.ask(try body(of: question, "request"))
        return HTTPAnswer(code: ["pending", "running"].contains(status.state) ? 202 : 200, json: status)
      case .request(let id): return HTTPAnswer(code: 200, json: try await service.request(id: id))
      case .cancel(let name):
        let status = try await service.cancel(service: name, try body(of: question, "request to cancel"))
        return HTTPAnswer(code: 200, json: status)
      case .pause(let isPaused):
        let request: MarkRequest = try body(of: question, "request to pause or resume")
        return HTTPAnswer(code: 200, json: try await service.pause(request, isPaused))
      case .setDrain(let node, let isDrained):
        let request: MarkRequest = try body(of: question, "request to drain or undrain")
        return HTTPAnswer(code: 200, json: try await service.drain(node: node, request, isDrained))
      case .drain(let node): return HTTPAnswer(code: 200, json: try await service.drain(of: node))
      case .thaw(let name):
        try await service.thaw(service: name)
        return HTTPAnswer(code: 204)
      case .unhold(let name):
        try await service.unhold(service: name)
        return HTTPAnswer(code: 204)
      case .report:
        var request: ReportRequest = try body(of: question, "health report")
        let actor = request.actor ?? "the control socket"
        request.source = request.source ?? "operator"
        return HTTPAnswer(code: 200, json: try await service.report(request, actor: actor))
      case .notify(let name):
        let status = try await service.notify(
          service: name, try body(of: question, "request for a notification"))
        return HTTPAnswer(code: 202, json: status)
      case .notification(let name):
        return HTTPAnswer(code: 200, json: try await service.notification(service: name))
      case .drill(let name):
        let report = try await service.drill(service: name, try body(of: question, "request for a drill"))
        return HTTPAnswer(code: 200, json: report)
      }
    } catch {
      return HTTPAnswer(code: error.code.httpStatus, json: error)
    }
  }

  static func body<Request: Decodable>(
    of question: HTTPQuestion, _ what: String
  ) throws(ControlError) -> Request {
    do {
      return try JSONDecoder().decode(Request.self, from: Data(question.body))
    } catch {
      throw ControlError(.badRequest, "the body is no \(what): \(error)".printable)
    }
  }
}
