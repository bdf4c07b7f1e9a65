/// What follows when an adoption fails here: another candidate tries, or nobody can.
extension NodeInstance {
  /// Steps that another node may well be able to do. The fence is not among them: who is to be fenced stays the
  /// same, and nobody attaches anything before that is done.
  private static let nodesOwnSteps: Set<PlanStep.Kind> = [
    .storage, .namespace, .records, .server, .address, .verify,
  ]

  /// A step of the plan that brings `name` here has failed, `failures` times one after the other. True where the
  /// plan shall end with ``PlanOutcome/handOn(_:)``, false where the step is tried again.
  public mutating func onStepFailed(
    _ name: ServiceName, _ step: PlanStep.Kind, failures: Int, now: BootInstant
  ) -> Bool {
    guard let state = services[name], state.activity == .plan(.adoption) || state.activity == .plan(.opening)
    else { return false }
    let since = state.failing?.step == step ? state.failing?.since ?? now : now
    services[name]?.failing = FailingStep(step: step, failures: failures, since: since)
    guard Self.nodesOwnSteps.contains(step),
      failures >= settings.adoption.tries || now - since >= settings.adoption.time
    else { return false }
    return successor(name, now: now) != nil
  }

  /// The plan of `name` goes on: the step that had failed is done.
  public mutating func onStepDone(_ name: ServiceName) {
    services[name]?.failing = nil
  }

  /// Who tries next. Who has tried already is asked again only after a rest, so that the service does not bounce.
  private func successor(_ name: ServiceName, now: BootInstant) -> (node: NodeName, beginsAnew: Bool)? {
    // A pause keeps the service where it is, however long that takes.
    guard pause == nil, let state = services[name], let ownership = state.ownership else { return nil }
    let others = eligibleCandidates(state, besides: settings.node)
    if let untried = others.first(where: { !ownership.tried.contains($0) }) { return (untried, false) }
    guard let since = state.failing?.since, now - since >= settings.adoption.rest, let again = others.first
    else { return nil }
    return (again, true)
  }

  /// Lets go of what the failed plan has brought here, for the next candidate.
  mutating func handOn(_ name: ServiceName, now: BootInstant) -> [NodeDirective] {
    guard let state = services[name], let ownership = state.ownership else { return [] }
    if ownership.state == .releasing {
      // The transition was not known to have happened; it did, and its journal is in the store.
      services[name]?.activity = .plan(.release)
      return [.resumePlan(name, epoch: ownership.epoch, fromStart: false)]
    }
    guard let (target, beginsAnew) = successor(name, now: now) else {
      services[name]?.activity = .plan(.adoption)
      return [.resumePlan(name, epoch: ownership.epoch, fromStart: false)]
    }
    let tried = beginsAnew ? [] : ownership.tried.filter { $0 != settings.node }
    let step = state.failing?.step ?? .verify
    let named = state.definition.election == .race ? target : nil
    let plan = Plan.handOn(
      of: state.definition, by: settings.node, epoch: ownership.epoch, to: named, failedAt: step,
      because: "\(settings.node) could not adopt it: \(state.handOnProblem ?? step.rawValue)")
    return transition(
      state, plan, to: .releasing, reservedFor: named, unfenced: ownership.unfenced,
      tried: tried + [settings.node], isAsked: false)
  }

  /// Why nobody can serve `name`, as far as this node knows; nil while somebody does, or is about to.
  func whyStrandedHere(_ name: ServiceName, now: BootInstant) -> String? {
    guard phase == .running, let state = services[name], let ownership = state.ownership,
      ![.offline, .closed].contains(ownership.state)
    else { return nil }
    if state.activity.isServing {
      guard let failing = state.failing, failing.failures >= settings.adoption.tries else { return nil }
      return "\(failing.step.rawValue) fails on \(settings.node), and no other candidate can take it now"
        + others(than: settings.node, name, now: now)
    }
    let isOurs = ownership.node == settings.node
    if ownership.state == .released {
      guard
        state.definition.candidates.allSatisfy({ candidate in
          candidate == settings.node
            ? !whyNotEligible(state, now: now).isEmpty : !whyNotEligible(candidate, for: name).isEmpty
        })
      else { return nil }
      return "\(ownership.node) has released it, and no candidate can take it"
        + others(than: nil, name, now: now)
    }
    if isOurs {
      guard state.activity == .givenUp, !whyUnable(now: now).isEmpty,
        eligibleCandidates(state, besides: settings.node).isEmpty
      else { return nil }
      return "\(settings.node) had to stop serving it, and no other candidate can take it"
        + others(than: settings.node, name, now: now)
    }
    guard case .dead = peers[ownership.node]?.verdict ?? .unknown else { return nil }
    let isCandidate = state.definition.candidates.contains(settings.node)
    if isCandidate, whyNotEligible(state, now: now).isEmpty { return nil }
    guard eligibleCandidates(state, besides: ownership.node).allSatisfy({ $0 == settings.node }) else {
      return nil
    }
    return "its owner \(ownership.node) does not beat, and no candidate can take it"
      + others(than: ownership.node, name, now: now)
  }

  private func others(than excluded: NodeName?, _ name: ServiceName, now: BootInstant) -> String {
    let texts = ineligible(name, now: now).filter { $0.node != excluded }.map {
      "\($0.node): \($0.reasons.joined(separator: ", "))"
    }
    return texts.isEmpty ? "" : " (\(texts.joined(separator: "; ")))"
  }
}

/// A step that has failed and is tried again.
struct FailingStep: Sendable, Equatable {
  var step: PlanStep.Kind
  /// One after the other.
  var failures: Int
  /// The first of them.
  var since: BootInstant
}
