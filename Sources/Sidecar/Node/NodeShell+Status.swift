import Cluster

/// What the node tells of itself, without a pause and without the store.
extension NodeShell {
  func status() -> NodeStatus {
    let now = BootInstant.now
    let modes = configuration.services.map { instance.mode(of: $0.name) }
    return NodeStatus(
      node: configuration.node.text,
      state: isStopping ? "stopping" : instance.phase == .running ? "running" : "starting",
      uptimeSeconds: (now - startedAt).wholeMilliseconds / 1000, health: healthStatus(now: now),
      store: store.status, peers: instance.peerNames.map { peerStatus($0, now: now) },
      services: configuration.services.map { serviceStatus($0, now: now) },
      plans: planCounts.plans, steps: planCounts.stepCounts, reports: reportStatus(now: now),
      watchdog: watched, selfFence: selfFence.map { $0.isArmed ? "armed" : "off" },
      warnings: lookWarnings + queueWarnings,
      mode: instance.mode(now: now).rawValue,
      homeServices: modes.count { $0 == .online }, adoptedServices: modes.count { $0 == .failover },
      transitions: configuration.services.reduce(0) { $0 + instance.transitions(of: $1.name).all },
      paused: instance.pause.map(NodeStatus.Mark.init),
      drained: instance.drain(of: configuration.node).map(NodeStatus.Mark.init))
  }

  private func healthStatus(now: BootInstant) -> NodeStatus.Health {
    let reasons = instance.whyUnable(now: now)
    var isHealthy = judge.verdict == .healthy
    if configuration.health.probes.isEmpty { isHealthy = true }
    let limit = configuration.beats.lease + configuration.beats.storeTimeout * 2
    return NodeStatus.Health(
      healthy: isHealthy, beating: instance.isBeatingNow && reasons.isEmpty, reasons: reasons,
      loopAgeMilliseconds: (now - lastTick).wholeMilliseconds, loopLimitMilliseconds: limit.wholeMilliseconds,
      loopLagMilliseconds: instance.loopLateness.wholeMilliseconds,
      timesLoopWasLate: instance.timesLoopWasLate,
      beatAgeMilliseconds: instance.beatAge(now: now)?.wholeMilliseconds,
      probes: zip(judge.answers, judge.failures).map { answer, failures in
        NodeStatus.Probe(
          subject: answer.subject, ok: answer.problem == nil, failures: failures,
          milliseconds: answer.took.wholeMilliseconds, problem: answer.problem)
      })
  }

  private func peerStatus(_ peer: NodeName, now: BootInstant) -> NodeStatus.Peer {
    let detector = instance.peer(peer)
    let (beat, missed): (String, Int) =
      switch detector?.verdict ?? .unknown {
      case .unknown: ("unknown", 0)
      case .alive: ("alive", 0)
      case .late(let missed): ("late", missed)
      case .dead(let missed): ("dead", missed)
      case .stopped: ("stopped", 0)
      }
    return NodeStatus.Peer(
      node: peer.text, beat: beat, missedBeats: missed,
      lastBeatMilliseconds: detector?.lastChange.map { (now - $0).wholeMilliseconds },
      disagreements: instance.disagreementsWith(peer), degraded: instance.whyDegraded(peer),
      drained: instance.drain(of: peer).map(NodeStatus.Mark.init))
  }

  private func serviceStatus(_ service: ServiceConfiguration, now: BootInstant) -> NodeStatus.Service {
    let standing = instance.standing(of: service.name)
    let isOwner =
      standing.ownership?.node == configuration.node && standing.ownership?.state.isOwned == true
    let reasons = isOwner ? [] : instance.whyNotCandidate(service.name, now: now)
    let transitions = instance.transitions(of: service.name)
    var state = standing.ownership?.state.rawValue ?? (standing.hasBeenSeen ? "unowned" : "unknown")
    // The store still calls it online, but this node had to stop, or has not taken it up yet.
    if isOwner, state == "online", !standing.isServedHere { state = "withdrawn" }
    return NodeStatus.Service(
      service: service.name.text, state: state, owner: standing.ownership?.node.text,
      epoch: Int(clamping: standing.ownership?.epoch ?? 0), home: service.home.text,
      candidates: service.candidates.map(\.text), candidate: !isOwner && reasons.isEmpty,
      whyNotCandidate: reasons,
      address: service.addresses.isEmpty ? nil : service.addresses.joined(separator: ", "),
      plan: planStatus[service.name],
      mirror: nil,
      mode: instance.mode(of: service.name).rawValue, transitions: transitions.all,
      cameIntoService: transitions.came, leftService: transitions.left,
      requests: standing.requests.map(NodeStatus.Request.init),
      ineligible: instance.passedOver(service.name, now: now).map {
        NodeStatus.Ineligible(node: $0.node.text, reasons: $0.reasons)
      },
      stranded: instance.whyStranded(service.name, now: now), held: instance.whyHeld(service.name, now: now),
      bid: instance.ownBid(service.name).map {
        NodeStatus.Bid(
          epoch: Int(clamping: $0.epoch), priority: $0.bid.priority, loadPercent: $0.bid.load?.percent)
      })
  }

  private var lookWarnings: [String] {
    lookProblem.map { ["the store could not be looked at in time, so nothing is decided: \($0)"] } ?? []
  }

  private var queueWarnings: [String] {
    configuration.services.filter { !instance.standing(of: $0.name).canReadRequests }.map {
      "services/\($0.name)/requests in the store can't be read: mend it, or remove it and ask again"
    }
  }

  /// Who owns a service, as far as this node knows.
  func standing(of service: ServiceName) -> Ownership? { instance.standing(of: service).ownership }
}

extension NodeStatus.Mark {
  init(_ mark: OperatorMark) {
    self.init(actor: mark.actor, because: mark.because, since: mark.since)
  }
}

extension NodeStatus.Request {
  fileprivate init(_ request: ServiceRequest) {
    let target: String? = if case .migrate(let target) = request.action { target.text } else { nil }
    self.init(
      id: request.id, action: request.action.word, to: target, actor: request.actor,
      because: request.because, askedAt: request.askedAt)
  }
}
