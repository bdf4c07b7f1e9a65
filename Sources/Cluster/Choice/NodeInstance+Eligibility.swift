/// Who could take which service, and why the others could not.
extension NodeInstance {
  /// What another node says of itself.
  public mutating func onEligibility(of peer: NodeName, _ eligibility: Eligibility) {
    guard peers[peer] != nil else { return }
    peerEligibility[peer] = eligibility
  }

  /// What the operator's checks of `name` found on this node; empty where all is well.
  public mutating func onChecks(of name: ServiceName, problems: [String]) {
    services[name]?.checkProblems = problems
  }

  /// What this node says of itself.
  public func eligibility(now: BootInstant) -> Eligibility {
    var said = Eligibility(
      node: whyUnable(now: now) + whyReported(now: now) + (loopLag.reason(now: now).map { [$0] } ?? []))
    for (name, state) in services where state.definition.candidates.contains(settings.node) {
      let reasons = whyNotHere(state)
      if !reasons.isEmpty { said.services[name.text] = reasons }
    }
    sayAlarms(in: &said, now: now)
    return said
  }

  /// Why this node should not take `name` from another one now; empty when it should.
  func whyNotEligible(_ state: ServiceState, now: BootInstant) -> [String] {
    let reported = isLastResort(state) ? [] : whyReported(now: now)
    return whyUnable(now: now) + reported + (loopLag.reason(now: now).map { [$0] } ?? []) + whyNotHere(state)
  }

  /// Nobody else could take it: better a node that somebody has reported than none.
  private func isLastResort(_ state: ServiceState) -> Bool {
    state.definition.candidates.allSatisfy { candidate in
      candidate == settings.node || !whyNotEligible(candidate, for: state.definition.name).isEmpty
    }
  }

  /// What stands against this service alone.
  private func whyNotHere(_ state: ServiceState) -> [String] {
    var reasons = whyUnchecked(state)
    if let drain = drains[settings.node], state.ownership?.node != settings.node {
      reasons.append("it is drained \(drain.text)")
    }
    if let owner = state.ownership?.node, owner != settings.node {
      let differences = differences(state.definition.name, with: owner)
      if !differences.isEmpty {
        reasons.append("the node file of \(owner) differs: \(differences.joined(separator: ", "))")
      }
    }
    return reasons
  }

  /// What the operator's checks say.
  func whyUnchecked(_ state: ServiceState) -> [String] {
    guard state.definition.hasChecks else { return [] }
    return state.checkProblems ?? ["its checks have not answered yet"]
  }

  /// Why `candidate`, another node, should not be given `name`; empty where it should.
  public func whyNotEligible(_ candidate: NodeName, for name: ServiceName) -> [String] {
    CountedWork.step()
    if let drain = drains[candidate] { return ["it is drained \(drain.text)"] }
    switch peers[candidate]?.verdict ?? .unknown {
    case .alive: return peerEligibility[candidate]?.reasons(for: name) ?? []
    case .unknown: return ["it has never beaten"]
    case .late(let missed): return ["it has missed \(missed) beats"] + whyUnwell(candidate)
    case .dead: return ["it does not beat"] + whyUnwell(candidate)
    case .stopped: return ["its daemon was stopped"]
    }
  }

  /// A node that does not beat may still say why.
  private func whyUnwell(_ candidate: NodeName) -> [String] { peerEligibility[candidate]?.node ?? [] }

  /// The candidates that could take it now, best first; this node counts as one.
  func eligibleCandidates(_ state: ServiceState, besides excluded: NodeName) -> [NodeName] {
    state.definition.candidates.filter { candidate in
      guard candidate != excluded else { return false }
      return candidate == settings.node
        ? drains[candidate] == nil : whyNotEligible(candidate, for: state.definition.name).isEmpty
    }
  }

  /// Of those the ones at which this adoption has not failed yet; all of them where it has failed at each.
  func heirs(_ state: ServiceState, besides excluded: NodeName) -> [NodeName] {
    let eligible = eligibleCandidates(state, besides: excluded)
    let untried = eligible.filter { state.ownership?.tried.contains($0) != true }
    return untried.isEmpty ? eligible : untried
  }

  /// Every candidate of `name` that could not take it now, and why: this one by what it knows, the others by what
  /// they say. The owner is left out while it has the service.
  public func ineligible(_ name: ServiceName, now: BootInstant) -> [(node: NodeName, reasons: [String])] {
    guard let state = services[name] else { return [] }
    let owner = state.ownership.flatMap { $0.state.isOwned ? $0.node : nil }
    return state.definition.candidates.compactMap { candidate in
      guard candidate != owner else { return nil }
      let reasons =
        candidate == settings.node
        ? whyNotEligible(state, now: now) : whyNotEligible(candidate, for: name)
      return reasons.isEmpty ? nil : (candidate, reasons)
    }
  }

  /// Every candidate that would not take `name` by itself now, and why: ``ineligible(_:now:)``, and all of them while the
  /// cluster is paused, when only an operator who names one moves anything.
  public func passedOver(_ name: ServiceName, now: BootInstant) -> [(node: NodeName, reasons: [String])] {
    let found = ineligible(name, now: now)
    guard let pause, let state = services[name] else { return found }
    let owner = state.ownership.flatMap { $0.state.isOwned ? $0.node : nil }
    return state.definition.candidates.filter { $0 != owner }.map { candidate in
      (
        candidate,
        (found.first { $0.node == candidate }?.reasons ?? []) + ["the cluster is paused \(pause.text)"]
      )
    }
  }
}
