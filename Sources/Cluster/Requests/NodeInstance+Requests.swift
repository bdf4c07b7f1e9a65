extension ServiceRequest {
  /// It names `node`, not just some node.
  func isBound(to node: NodeName, home: NodeName) -> Bool {
    switch action {
    case .migrate(let target): target == node
    case .failback: home == node
    case .open, .online, .offline, .close: false
    }
  }
}

/// What becomes of the request whose turn it is.
extension NodeInstance {
  /// Whoever owns the service carries its requests out, or says why they can't be.
  ///
  /// - Returns: nil where it waits, and what else there is to decide may be decided.
  mutating func carryOut(
    _ request: ServiceRequest, asOwnerOf state: ServiceState, _ ownership: Ownership, now: BootInstant
  ) -> [NodeDirective]? {
    let name = state.definition.name
    if let failed = state.failedRequest, failed.id == request.id {
      return [end(request, state, .failed(failed.problem))]
    }
    switch request.action {
    case .offline, .close:
      return release(state, ownership, to: nil, because: request.reason, request: request)
    case .online:
      return [end(request, state, .done("\(settings.node) serves \(name) already"))]
    case .open:
      return [end(request, state, .failed("\(name) is open already, on \(settings.node)"))]
    case .failback where state.definition.home == settings.node:
      return [end(request, state, .done("\(settings.node) is its home"))]
    case .migrate(to: settings.node):
      return [end(request, state, .failed("\(settings.node) owns it already"))]
    case .migrate(let target):
      return move(request, state, ownership, to: target, now: now)
    case .failback:
      return move(request, state, ownership, to: state.definition.home, now: now)
    }
  }

  private mutating func move(
    _ request: ServiceRequest, _ state: ServiceState, _ ownership: Ownership, to target: NodeName,
    now: BootInstant
  ) -> [NodeDirective]? {
    if isPatient(with: target, state, now: now) { return nil }
    if let problem = whyNotTarget(target, state) {
      return [end(request, state, .failed("\(problem); nothing was released"))]
    }
    return release(state, ownership, to: target, because: request.reason, request: request)
  }

  /// Whether the request whose turn it is waits for `target`: until it is known whether one that is late lives, and
  /// until one that has just begun to beat has said that it is well. Both take about a lease; one that goes back and
  /// forth is not waited for for more than ``longestPatience``.
  private func isPatient(with target: NodeName, _ state: ServiceState, now: BootInstant) -> Bool {
    guard state.definition.candidates.contains(target), drains[target] == nil,
      let turn = services[state.definition.name]?.turn, now - turn.since < longestPatience
    else { return false }
    if isUndecided(target) { return true }
    guard peers[target]?.verdict == .alive, !whyNotEligible(target, for: state.definition.name).isEmpty else {
      return false
    }
    // What it says of itself comes to the store, and from there to here, at the next beats.
    let beatsSince = max(turn.since, peers[target]?.aliveSince ?? turn.since)
    return now - beatsSince < settings.timings.lease + settings.timings.interval * 2
  }

  private var longestPatience: Duration { (settings.timings.lease + settings.staleness) * 3 }

  /// `node` misses beats, and whether it is dead is known when its lease is over at the latest.
  func isUndecided(_ node: NodeName) -> Bool {
    if case .late? = peers[node]?.verdict { true } else { false }
  }

  /// The service is offline or closed: only a request changes that.
  mutating func decideIdle(
    _ state: ServiceState, _ ownership: Ownership, isEligible: Bool, now: BootInstant
  ) -> [NodeDirective] {
    guard let request = state.request else { return [] }
    let name = state.definition.name
    switch (ownership.state, request.action) {
    case (.offline, .online), (.closed, .open):
      // With nobody to take it, it waits.
      guard isEligible, target(of: request, state) == settings.node else { return [] }
      return claim(state, from: .released(ownership.node), because: request.reason, isAsked: true, now: now)
    case (.offline, .close(let forgets)):
      return isJudge(of: state) ? close(state, request, forgets: forgets) : []
    case (.closed, .close(forgets: true)):
      return isJudge(of: state) ? close(state, request, forgets: true) : []
    case (.offline, .offline), (.closed, .close):
      return judge(request, state, .done("\(name) is \(ownership.state.rawValue) already"))
    case (.closed, _):
      return judge(request, state, .failed("\(name) is closed: `lockferry service open \(name)` opens it"))
    case (_, .open):
      return judge(
        request, state,
        .failed("\(name) is open already, but offline: `lockferry service online \(name)` serves it again"))
    default:
      return judge(
        request, state, .failed("\(name) is offline: `lockferry service online \(name)` serves it again"))
    }
  }

  private mutating func close(
    _ state: ServiceState, _ request: ServiceRequest, forgets: Bool
  ) -> [NodeDirective] {
    let plan = Plan.closing(
      of: state.definition, by: settings.node, epoch: state.nextEpoch, forgets: forgets,
      because: request.reason, request: request.id)
    return transition(
      state, plan, to: .releasing, unfenced: state.owedFences(by: settings.node), isAsked: true)
  }

  private func judge(
    _ request: ServiceRequest, _ state: ServiceState, _ outcome: RequestEnd.Outcome
  ) -> [NodeDirective] {
    isJudge(of: state) ? [end(request, state, outcome)] : []
  }

  func end(
    _ request: ServiceRequest, _ state: ServiceState, _ outcome: RequestEnd.Outcome
  ) -> NodeDirective {
    .endRequest(
      RequestEnd(
        service: state.definition.name, request: request, owner: state.ownerBytes, outcome: outcome))
  }

  /// Nobody owns the service, and of those who could say so this node is the first.
  func isJudge(of state: ServiceState) -> Bool { livingCandidates(state).first == settings.node }

  /// The node on which `request` wants the service to be; nil where it wants none, or there is none.
  func target(of request: ServiceRequest, _ state: ServiceState) -> NodeName? {
    switch request.action {
    case .migrate(let target): return target
    case .failback: return state.definition.home
    case .offline, .close: return nil
    case .open, .online:
      // Home first, as long as that is able to: whoever else serves it does so in failover.
      let able = state.definition.candidates.filter { whyNotTarget($0, state) == nil }
      return able.contains(state.definition.home) ? state.definition.home : able.first
    }
  }

  /// Why the service can't go to `target` now; nil where it can.
  func whyNotTarget(_ target: NodeName, _ state: ServiceState) -> String? {
    guard state.definition.candidates.contains(target) else {
      return "\(target) is not a candidate of \(state.definition.name) in \(settings.node)'s node file"
    }
    if let drain = drains[target] {
      return "\(target) is drained \(drain.text); `lockferry node undrain \(target)` ends that"
    }
    if target == settings.node {
      let problems = whyUnchecked(state)
      return problems.isEmpty ? nil : "\(target) can't take it: \(problems.joined(separator: "; "))"
    }
    if case .late(let missed)? = peers[target]?.verdict { return "\(target) has missed \(missed) beats" }
    guard case .alive? = peers[target]?.verdict else { return "\(target) does not beat" }
    let reasons = whyNotEligible(target, for: state.definition.name)
    guard reasons.isEmpty else { return "\(target) can't take it: \(reasons.joined(separator: "; "))" }
    let differences = differences(state.definition.name, with: target)
    guard differences.isEmpty else {
      return
        "the node files of \(settings.node) and \(target) differ: \(differences.joined(separator: ", "))"
    }
    return nil
  }

  /// The request whose turn it is, where it wants the service to be here.
  func orderedHere(_ state: ServiceState) -> ServiceRequest? {
    guard let request = state.request, target(of: request, state) == settings.node else { return nil }
    return request
  }
}
