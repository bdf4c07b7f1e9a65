import Cluster

/// What the node tells of itself, without a pause and without the store.
extension NodeShell {
  func status() -> NodeStatus {
    let now = BootInstant.now
    return NodeStatus(
      node: configuration.node.text,
      state: isStopping ? "stopping" : instance.phase == .running ? "running" : "starting",
      uptimeSeconds: (now - startedAt).wholeMilliseconds / 1000, health: healthStatus(now: now),
      store: store.status, peers: instance.peerNames.map { peerStatus($0, now: now) },
      services: configuration.services.map { serviceStatus($0, now: now) },
      reports: reportStatus(now: now), warnings: lookWarnings + orderWarnings)
  }

  private func healthStatus(now: BootInstant) -> NodeStatus.Health {
    let reasons = instance.whyUnable(now: now)
    var isHealthy = judge.verdict == .healthy
    if configuration.health.probes.isEmpty { isHealthy = true }
    let limit = configuration.beats.lease + configuration.beats.storeTimeout * 2
    return NodeStatus.Health(
      healthy: isHealthy, beating: instance.isBeatingNow && reasons.isEmpty, reasons: reasons,
      loopAgeMilliseconds: (now - lastTick).wholeMilliseconds, loopLimitMilliseconds: limit.wholeMilliseconds,
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
      disagreements: instance.disagreementsWith(peer), degraded: instance.whyDegraded(peer))
  }

  private func serviceStatus(_ service: ServiceConfiguration, now: BootInstant) -> NodeStatus.Service {
    let standing = instance.standing(of: service.name)
    let isOwner = standing.ownership?.node == configuration.node && standing.ownership?.state != .released
    let reasons = isOwner ? [] : instance.whyNotCandidate(service.name, now: now)
    var state = standing.ownership?.state.rawValue ?? (standing.hasBeenSeen ? "unowned" : "unknown")
    // The store still calls it online, but this node had to stop, or has not taken it up yet.
    if isOwner, state == "online", !standing.isServedHere { state = "withdrawn" }
    return NodeStatus.Service(
      service: service.name.text, state: state, owner: standing.ownership?.node.text,
      epoch: Int(clamping: standing.ownership?.epoch ?? 0), home: service.home.text,
      candidates: service.candidates.map(\.text), candidate: !isOwner && reasons.isEmpty,
      whyNotCandidate: reasons, address: service.address?.address, plan: planStatus[service.name],
      mirror: nil,
      ineligible: instance.ineligible(service.name, now: now).map {
        NodeStatus.Ineligible(node: $0.node.text, reasons: $0.reasons)
      },
      stranded: instance.whyStranded(service.name, now: now), held: instance.whyHeld(service.name, now: now))
  }

  private var lookWarnings: [String] {
    lookProblem.map { ["the store could not be looked at in time, so nothing is decided: \($0)"] } ?? []
  }

  private var orderWarnings: [String] {
    configuration.services.compactMap { service in
      guard let order = instance.standing(of: service.name).order else { return nil }
      if let problem = order.problem {
        return "moving \(service.name) to \(order.to), \(order.reason), was not possible: \(problem)"
      }
      return "\(service.name) is to move to \(order.to), \(order.reason)"
    }
  }

  /// Who owns a service, as far as this node knows.
  func standing(of service: ServiceName) -> Ownership? { instance.standing(of: service).ownership }

  /// Why a migration can't be asked for now; nil when it can.
  func whyNotMigrate(_ service: ServiceName, _ order: MigrationOrder) -> ControlError? {
    guard let definition = configuration.services.first(where: { $0.name == service })?.coreDefinition else {
      return ControlError(.noSuchObject, "no service \(service)")
    }
    guard definition.candidates.contains(order.to) else {
      return ControlError(
        .noSuchObject,
        "\(order.to) is not a candidate of \(service); its candidates are "
          + definition.candidates.map(\.text).joined(separator: ", "))
    }
    let standing = instance.standing(of: service)
    guard standing.hasBeenSeen else {
      return ControlError(.storeUnavailable, store.status.problem ?? "the store has not been read yet")
    }
    let isReleased = standing.ownership.map { $0.state == .released } ?? true
    let mendsFence = standing.ownership?.state == .adopting && order.isForced && order.fenceConfirmed
    if let owner = standing.ownership?.node, owner == order.to, !isReleased, !mendsFence {
      return ControlError(.preconditionFailed, "\(owner) owns \(service) already")
    }
    if order.to == configuration.node {
      let reasons = instance.whyNotCandidate(service, now: .now)
      if !reasons.isEmpty {
        return ControlError(
          .preconditionFailed, "\(order.to) can't adopt \(service): \(reasons.joined(separator: "; "))")
      }
    } else if instance.peer(order.to)?.verdict != .alive {
      return ControlError(.preconditionFailed, "\(order.to) does not beat: it could not adopt \(service)")
    } else if case let reasons = instance.whyNotEligible(order.to, for: service), !reasons.isEmpty {
      return ControlError(
        .preconditionFailed, "\(order.to) can't adopt \(service): \(reasons.joined(separator: "; "))")
    }
    guard let owner = standing.ownership?.node, !isReleased, owner != configuration.node,
      instance.peer(owner)?.verdict != .alive
    else { return nil }
    guard order.isForced else {
      return ControlError(
        .unsafe,
        "\(owner), which owns \(service), does not answer: it can't release it. If you know that it is off, repeat with "
          + "--force")
    }
    guard definition.hasFence || order.fenceConfirmed else {
      return ControlError(
        .unsafe,
        "\(service) has 'fence: none': make sure that \(owner) is off, then repeat with --force --fence-confirmed"
      )
    }
    return nil
  }

  func plannedMigration(_ service: ServiceName, _ order: MigrationOrder) -> [Plan] {
    instance.plannedMigration(of: service, to: order.to, order: order)
  }
}
