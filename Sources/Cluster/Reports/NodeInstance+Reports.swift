/// What is done about reports on this node and others.
extension NodeInstance {
  /// The reports that the store holds now.
  public mutating func onReports(_ found: [ReportKey: [UInt8]], now: BootInstant) {
    reports.onLook(found, now: now)
  }

  /// Everything that is reported and still counts, with how long it does.
  public func currentReports(now: BootInstant) -> [(report: NodeReport, left: Duration)] {
    reports.all(now: now)
  }

  /// Reports that are over and may leave the store.
  public func expiredReports(now: BootInstant) -> [ReportKey: [UInt8]] { reports.expired(now: now) }

  /// What is reported against this node. It may serve on where nobody else can, but shall take nothing from others.
  func whyReported(now: BootInstant) -> [String] {
    reports.current(of: settings.node, now: now).filter { $0.state != .healthy }.map(\.reason)
  }

  /// What others have said against `node`: evidence for the history, never the decision.
  func evidence(against node: NodeName, now: BootInstant) -> String {
    reports.current(of: node, now: now).filter { $0.state == .unhealthy }.map { "; \($0.reason)" }.joined()
  }

  /// Why this owner shall give `name` to another candidate: what its own probes found, or what is reported of it.
  /// An overloaded node gives away one service after the other, each time with a pause in which that can help.
  func whyGiveAway(_ name: ServiceName, now: BootInstant) -> String? {
    if case .unhealthy(let problems) = health {
      return "\(settings.node) is unhealthy: \(problems.joined(separator: "; "))"
    }
    let said = reports.current(of: settings.node, now: now)
    if let unhealthy = said.first(where: { $0.state == .unhealthy }) {
      return "\(settings.node) was \(unhealthy.reason)"
    }
    guard let overloaded = said.first(where: { $0.state == .overloaded }) else { return nil }
    if let last = lastRelief, now - last < settings.adoption.reliefPause { return nil }
    let isMoving = services.values.contains { $0.activity == .lettingGo || $0.activity == .plan(.release) }
    return isMoving ? nil : "\(settings.node) was \(overloaded.reason)"
  }
}
