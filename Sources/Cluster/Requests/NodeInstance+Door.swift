/// What can be said of a request before it joins the queue.
extension NodeInstance {
  /// Why `request` can't be asked now; nil where it can.
  ///
  /// Where others come before it, only what no other request changes is looked at: the rest is decided when its turn
  /// comes.
  public func whyNotAsk(
    _ request: ServiceRequest, of name: ServiceName, now: BootInstant
  ) -> RequestRefusal? {
    guard let state = services[name] else {
      return RequestRefusal(.noSuchObject, "no service \(name) in this node's file")
    }
    if case .migrate(let target) = request.action, !state.definition.candidates.contains(target) {
      return RequestRefusal(
        .noSuchObject,
        "\(target) is not a candidate of \(name); its candidates are "
          + state.definition.candidates.map(\.text).joined(separator: ", "))
    }
    guard state.hasBeenSeen else {
      return RequestRefusal(.storeUnavailable, "the store has not been read yet")
    }
    guard state.requests.requests.isEmpty else { return nil }
    switch request.action {
    case .migrate(let target): return whyNotMove(state, to: target, request, now: now)
    case .failback: return whyNotMove(state, to: state.definition.home, request, now: now)
    case .open, .online, .offline, .close: return whyNotChange(state, request.action)
    }
  }

  /// The queue as the store has it: seen by a look, or by whoever has just read or written it.
  public mutating func onRequests(_ name: ServiceName, _ bytes: [UInt8]?, now: BootInstant) {
    if bytes == nil, let state = services[name], state.canReadRequests, state.request == nil { return }
    let queue = RequestQueue(bytes: bytes ?? [])
    services[name]?.requests = queue ?? RequestQueue()
    services[name]?.requestBytes = bytes
    services[name]?.canReadRequests = queue != nil
    if queue?.first?.id != services[name]?.turn?.id {
      services[name]?.turn = queue?.first.map { ($0.id, now) }
    }
  }

  private func whyNotChange(_ state: ServiceState, _ action: ServiceRequest.Action) -> RequestRefusal? {
    let name = state.definition.name
    let problem: String? =
      switch (action, state.ownership?.state) {
      case (.open, nil), (.open, .closed): nil
      case (.open, _): "\(name) is open already"
      case (.online, nil), (.online, .offline): nil
      case (.online, .closed): "\(name) is closed: `lockferry service open \(name)` opens it"
      case (.online, _): "\(name) is not offline"
      case (.offline, .offline): "\(name) is offline already"
      case (.offline, .closed): "\(name) is closed: nobody serves it"
      case (.close(forgets: false), .closed): "\(name) is closed already"
      default: nil
      }
    return problem.map { RequestRefusal(.preconditionFailed, $0) }
  }

  private func whyNotMove(
    _ state: ServiceState, to target: NodeName, _ request: ServiceRequest, now: BootInstant
  ) -> RequestRefusal? {
    let name = state.definition.name
    if let ownership = state.ownership, [.offline, .closed].contains(ownership.state) {
      let verb = ownership.state == .closed ? "open" : "online"
      return RequestRefusal(
        .preconditionFailed,
        "\(name) is \(ownership.state.rawValue): `lockferry service \(verb) \(name)` brings it into service first"
      )
    }
    let owner = state.ownership.flatMap { $0.state.isOwned ? $0.node : nil }
    let mendsFence = state.ownership?.state == .adopting && request.isForced && request.fenceConfirmed
    if owner == target, !mendsFence {
      return RequestRefusal(.preconditionFailed, "\(target) owns \(name) already")
    }
    // Of one that is late the owner decides, when that is known.
    if let problem = whyNotTarget(target, state), drains[target] != nil || !isUndecided(target) {
      return RequestRefusal(.preconditionFailed, "\(problem): it could not adopt \(name)")
    }
    if target == settings.node {
      let reasons = whyNotCandidate(name, now: now)
      guard reasons.isEmpty else {
        return RequestRefusal(
          .preconditionFailed, "\(target) can't adopt \(name): \(reasons.joined(separator: "; "))")
      }
    }
    guard let owner, owner != settings.node, peers[owner]?.verdict != .alive else { return nil }
    guard request.isForced else {
      // One that is late may carry it out yet; if it is dead, whoever adopts the service does.
      if isUndecided(owner) { return nil }
      return RequestRefusal(
        .unsafe,
        "\(owner), which owns \(name), does not answer: it can't release it. If you know that it is off, repeat with "
          + "--force")
    }
    guard state.definition.hasFence || request.fenceConfirmed else {
      return RequestRefusal(
        .unsafe,
        "\(name) has 'fence: none': make sure that \(owner) is off, then repeat with --force --fence-confirmed"
      )
    }
    return nil
  }
}

/// Why a request was not taken.
public struct RequestRefusal: Error, Sendable, Equatable {
  /// What kind of refusal.
  public enum Kind: Sendable, Equatable {
    /// No such service, or no such candidate.
    case noSuchObject
    /// Could lose locks or serve twice.
    case unsafe
    /// Something that must hold does not.
    case preconditionFailed
    /// Nothing is known yet.
    case storeUnavailable
  }

  /// What kind.
  public var kind: Kind
  /// What the operator reads.
  public var message: String

  init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }
}
