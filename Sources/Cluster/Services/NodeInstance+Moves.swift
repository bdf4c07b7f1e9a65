/// What an owner moves away unasked: everything while it is drained, and adopted services to their homes where the
/// node file says so. One service at a time, in the order of the node file.
extension NodeInstance {
  mutating func moveByItself(
    _ state: ServiceState, _ ownership: Ownership, now: BootInstant
  ) -> [NodeDirective] {
    guard !hasServiceInMotion else { return [] }
    if let drain = drains[settings.node] {
      guard let heir = drainTarget(state, from: settings.node) else { return [] }
      return release(
        state, ownership, to: heir, because: "\(settings.node) is drained \(drain.text)")
    }
    guard whyNoFailback(state, now: now) == nil else { return [] }
    let home = state.definition.home
    return release(
      state, ownership, to: home, because: "its home \(home) has been well for long enough", isFailback: true)
  }

  /// A service that is on its way anywhere: two at a time would be two interruptions, and the second might follow the
  /// first to where it can't be served.
  public var serviceInMotion: ServiceName? { orderedServices.first(where: isInMotion) }

  func isInMotion(_ name: ServiceName) -> Bool {
    CountedWork.step()
    guard let state = services[name] else { return false }
    switch state.activity {
    case .claiming, .lettingGo, .handingOn, .plan(.adoption), .plan(.opening), .plan(.release),
      .plan(.closing):
      return true
    case .none, .serving, .givenUp, .plan(.resumption): break
    }
    switch state.ownership?.state {
    case .adopting, .releasing, .released: return true
    case .online, .offline, .closed, nil: return false
    }
  }

  /// Why the service does not come home by itself now; nil where it does.
  private func whyNoFailback(_ state: ServiceState, now: BootInstant) -> String? {
    let home = state.definition.home
    guard case .automatic(let after) = state.definition.failback else { return "failback is manual" }
    guard home != settings.node else { return "it is home" }
    if let problem = whyNotTarget(home, state) ?? whyFlapping(state, now: now) { return problem }
    guard let wellSince = peers[home]?.aliveSince, now - wellSince >= after else {
      return "\(home) has not been well for \(DurationText.text(after)) yet"
    }
    guard let servedSince = state.servedSince, now - servedSince >= after else {
      return "it has not been here for \(DurationText.text(after)) yet"
    }
    return nil
  }

  private func drainTarget(_ state: ServiceState, from node: NodeName) -> NodeName? {
    state.definition.candidates.first { $0 != node && whyNotTarget($0, state) == nil }
  }

  /// What a drain of `node` moves, in order, as this node would compute it now.
  public func drainMoves(of node: NodeName) -> [DrainMove] {
    orderedServices.compactMap { name in
      guard let state = services[name], let ownership = state.ownership, ownership.node == node,
        ownership.state.isOwned
      else { return nil }
      if let heir = drainTarget(state, from: node) {
        return DrainMove(service: name, to: heir, why: "\(heir) is the best other candidate that beats")
      }
      let others = state.definition.candidates.filter { $0 != node }
      if let late = others.first(where: { drains[$0] == nil && isUndecided($0) }),
        let why = whyNotTarget(late, state)
      {
        return DrainMove(
          service: name, to: late, why: "\(why); it waits until it is known whether \(late) lives")
      }
      let problems = others.compactMap { whyNotTarget($0, state) }
      return DrainMove(
        service: name, to: nil,
        why: others.isEmpty ? "it has no other candidate" : problems.joined(separator: "; "))
    }
  }

  /// This daemon itself has paused the cluster or resumed it: it need not look to know.
  public mutating func onPause(_ mark: OperatorMark?) { pause = mark }

  /// This daemon itself has drained `node`, or ended that.
  public mutating func onDrain(of node: NodeName, _ mark: OperatorMark?) { drains[node] = mark }

  /// Who has drained `node`; nil while it is not drained.
  public func drain(of node: NodeName) -> OperatorMark? { drains[node] }
}

/// A service of a node that is drained.
public struct DrainMove: Sendable, Equatable {
  /// The service.
  public var service: ServiceName
  /// Where it goes; nil where it has to stay.
  public var to: NodeName?
  /// Why there, or why it stays.
  public var why: String
}
