/// What a monitor gets to read besides the status code.
public struct HealthReport: Codable, Sendable, Equatable {
  /// `health`, `liveness`, `readiness`, `primary` or `candidate`.
  public var check: String
  /// The same as status 200.
  public var ok: Bool
  /// The node that answers.
  public var node: String
  /// The service asked for.
  public var service: String?
  /// Who owns it, as far as this node knows.
  public var owner: String?
  /// Why not; empty where `ok`.
  public var reasons: [String]
}

/// What the health-ping endpoint answers: a pure function of the node's status.
public struct HealthAnswer: Sendable, Equatable {
  /// The body.
  public enum Content: Sendable, Equatable {
    /// The answer to HEAD and OPTIONS.
    case none
    /// The answer to a check, or why there is none.
    case report(HealthReport)
    /// The answer to `/status`.
    case status(NodeStatus)
    /// The answer to `/metrics`.
    case metrics(NodeStatus)
    /// The question can't be answered.
    case refusal(ControlError)
  }

  /// The checks, each under its path.
  public enum Check: String, CaseIterable, Sendable {
    /// The node is healthy and beats.
    case health
    /// The daemon's main loop runs.
    case liveness
    /// The store answers, the mirror keeps up, and the nodes agree.
    case readiness
    /// This node owns the service and serves it.
    case primary
    /// This node could adopt the service now.
    case candidate
    /// Everything, always 200.
    case status
    /// Everything that can be counted, always 200.
    case metrics
  }

  /// A mirror that lags for this long, in milliseconds, makes its node not ready.
  public static let mostLagMilliseconds = 30_000

  /// 200, 503, 400, 404 or 405.
  public var code: Int
  /// The body.
  public var content: Content
  /// What 405 allows.
  public var allowedMethods: [String] = []

  /// The answer to a request; `services` are the values of the query's `service`.
  public static func to(method: String, path: String, services: [String], status: NodeStatus) -> HealthAnswer
  {
    guard let check = Check.allCases.first(where: { "/\($0.rawValue)" == path }) else {
      let known = Check.allCases.map { "/\($0.rawValue)" }.joined(separator: ", ")
      return refusal(404, .noSuchObject, "no such path; there are \(known)", method)
    }
    guard ["GET", "HEAD", "OPTIONS"].contains(method) else {
      var answer = refusal(405, .badRequest, "\(path) takes GET, HEAD and OPTIONS", method)
      answer.allowedMethods = ["GET", "HEAD", "OPTIONS"]
      return answer
    }
    var answer = answer(check, services: services, status: status)
    if method != "GET" { answer.content = .none }
    return answer
  }

  private static func answer(_ check: Check, services: [String], status: NodeStatus) -> HealthAnswer {
    var report = HealthReport(check: check.rawValue, ok: false, node: status.node, reasons: [])
    switch check {
    case .status: return HealthAnswer(code: 200, content: .status(status))
    case .metrics: return HealthAnswer(code: 200, content: .metrics(status))
    case .liveness: report.reasons = status.stalled
    case .health: report.reasons = status.stalled + status.unhealthy
    case .readiness: report.reasons = status.stalled + status.unready
    case .primary, .candidate:
      switch pick(services, status) {
      case .failure(let refusal):
        return HealthAnswer(code: refusal.code == .noSuchObject ? 404 : 400, content: .refusal(refusal))
      case .success(let service):
        report.service = service.service
        report.owner = service.owner
        report.reasons =
          status.stalled + (check == .primary ? service.notPrimary(on: status.node) : service.notCandidate)
      }
    }
    report.ok = report.reasons.isEmpty
    return HealthAnswer(code: report.ok ? 200 : 503, content: .report(report))
  }

  private static func pick(
    _ names: [String], _ status: NodeStatus
  ) -> Result<NodeStatus.Service, ControlError> {
    let known = status.services.map(\.service).joined(separator: ", ")
    guard names.count <= 1 else {
      return .failure(ControlError(.badRequest, "ask for one service at a time"))
    }
    guard let name = names.first else {
      guard status.services.count == 1 else {
        return .failure(ControlError(.badRequest, "say which: ?service=NAME; there are: \(known)"))
      }
      return .success(status.services[0])
    }
    guard let service = status.services.first(where: { $0.service == name }) else {
      return .failure(ControlError(.noSuchObject, "no such service; there are: \(known)"))
    }
    return .success(service)
  }

  private static func refusal(
    _ code: Int, _ kind: ControlError.Code, _ message: String, _ method: String
  ) -> HealthAnswer {
    let isSilent = method == "HEAD" || method == "OPTIONS"
    return HealthAnswer(code: code, content: isSilent ? .none : .refusal(ControlError(kind, message)))
  }
}

extension NodeStatus {
  /// Why nothing else that this status says can be trusted: who decides it has stopped.
  fileprivate var stalled: [String] {
    guard health.loopAgeMilliseconds > health.loopLimitMilliseconds else { return [] }
    return [
      "the daemon's main loop last ran \(health.loopAgeMilliseconds) ms ago, more than"
        + " \(health.loopLimitMilliseconds) ms"
    ]
  }

  fileprivate var unhealthy: [String] {
    if health.healthy && health.beating { return [] }
    return health.reasons.isEmpty ? [health.healthy ? "no beats are written" : "unhealthy"] : health.reasons
  }

  fileprivate var unready: [String] {
    var reasons: [String] = []
    if state != "running" { reasons.append("the daemon is \(state)") }
    if !store.reachable {
      reasons.append("the store \(store.location) does not answer" + (store.problem.map { ": \($0)" } ?? ""))
    }
    for service in services where service.owner == node {
      guard let mirror = service.mirror, mirror.lagMilliseconds >= HealthAnswer.mostLagMilliseconds else {
        continue
      }
      reasons.append(
        "service \(service.service): the mirror lags \(mirror.lagMilliseconds) ms, more than"
          + " \(HealthAnswer.mostLagMilliseconds) ms" + (mirror.problem.map { ": \($0)" } ?? ""))
    }
    for service in services {
      if let held = service.held { reasons.append("service \(service.service) is held: \(held)") }
      if let stranded = service.stranded {
        reasons.append("service \(service.service) is stranded: \(stranded)")
      }
    }
    for peer in peers {
      reasons += peer.disagreements.map { "node \(peer.node) is configured differently: \($0)" }
    }
    return reasons
  }
}

extension NodeStatus.Service {
  fileprivate func notPrimary(on node: String) -> [String] {
    guard let owner else { return ["nobody owns service \(service)"] }
    guard owner == node else { return ["node \(owner) owns service \(service)"] }
    return state == "online" ? [] : ["service \(service) is \(state)"]
  }

  fileprivate var notCandidate: [String] {
    if candidate { return [] }
    if !whyNotCandidate.isEmpty { return whyNotCandidate }
    return [owner.map { "node \($0) owns service \(service)" } ?? "not a candidate of service \(service)"]
  }
}
