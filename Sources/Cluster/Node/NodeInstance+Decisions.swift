/// What to do with a service whose owner is known.
extension NodeInstance {
  mutating func decide(_ name: ServiceName, now: BootInstant) -> [NodeDirective] {
    guard let state = services[name], phase == .running else { return [] }
    if let at = state.nextAttemptAt, now < at { return [] }
    services[name]?.ballot?.isNeeded = false
    return decide(state, now: now) + leaveVote(name)
  }

  private mutating func decide(_ state: ServiceState, now: BootInstant) -> [NodeDirective] {
    let name = state.definition.name
    switch state.activity {
    case .claiming, .lettingGo, .plan: return []
    case .serving: return decideAsOwner(state, now: now)
    case .handingOn: return handOn(name, now: now)
    case .none, .givenUp: break
    }
    guard state.hasBeenSeen, whyUnable(now: now).isEmpty else { return [] }
    guard let ownership = state.ownership else {
      return state.ownerBytes == nil ? decideUnowned(state) : []
    }
    if ownership.node == settings.node, ownership.state.isOwned { return takeUp(state, ownership, now: now) }
    return decideAsCandidate(state, ownership, now: now)
  }

  /// This node owns the service by the store and does not serve it: the daemon or the machine was away, or
  /// the service was given up.
  private mutating func takeUp(
    _ state: ServiceState, _ ownership: Ownership, now: BootInstant
  ) -> [NodeDirective] {
    let name = state.definition.name
    services[name]?.mayBeLeftOver = false
    services[name]?.hasWithdrawn = false
    let hasGivenUp =
      (state.needsRecovery || state.activity == .givenUp) && !timings.has(.givenUpIsResumption)
    let hasStopped = hasGivenUp || ownership.boot != settings.boot && !timings.has(.rebootIsResumption)
    switch ownership.state {
    case .adopting:
      // Also after a reboot the journal is what counts: it knows whether the old owner had to be fenced.
      services[name]?.activity = .plan(.adoption)
      services[name]?.needsRecovery = false
      return [
        .resumePlan(name, epoch: ownership.epoch, fromStart: hasStopped && !timings.has(.rebootTrustsJournal))
      ]
    case .releasing where !hasStopped:
      services[name]?.activity = .plan(.release)
      return [.resumePlan(name, epoch: ownership.epoch, fromStart: false)]
    case .online where !hasStopped:
      services[name]?.activity = .plan(.resumption)
      return [.run(Plan.resumption(of: state.definition, by: settings.node, epoch: ownership.epoch))]
    case .online, .releasing, .released, .offline, .closed:
      if let request = state.request, request.action.stops {
        return shelve(state, from: .here(settings.node), request)
      }
      let because =
        hasGivenUp ? "\(settings.node) can serve again" : "\(settings.node) has rebooted"
      return claim(state, from: .here(settings.node), because: because, now: now)
    }
  }

  /// There is no journal of a plan for the epoch that this node holds: somebody removed it.
  public mutating func onNoJournal(_ name: ServiceName, now: BootInstant) -> [NodeDirective] {
    guard let state = services[name], case .plan = state.activity, !timings.has(.lostJournalIsIgnored) else {
      return []
    }
    return [
      .withdraw(name, because: "the journal of its plan is gone from the store"),
      .note("the journal of \(name) is gone from the store; the service is adopted from the start"),
    ]
      + claim(state, from: .here(settings.node), because: "the journal of the last plan is gone", now: now)
  }

  /// Nobody ever owned it: its home opens it, or who is asked to.
  private mutating func decideUnowned(_ state: ServiceState) -> [NodeDirective] {
    if let request = state.request {
      if request.action.stops {
        return isJudge(of: state) ? shelve(state, from: .none, request) : []
      }
      if let target = target(of: request, state), whyNotTarget(target, state) == nil {
        guard target == settings.node, whyUnchecked(state).isEmpty else { return [] }
        return open(state, because: request.reason, isAsked: true)
      }
    }
    guard state.definition.home == settings.node, pause == nil, drains[settings.node] == nil,
      whyUnchecked(state).isEmpty
    else { return [] }
    return open(state, because: "opened for the first time", isAsked: false)
  }

  private mutating func open(_ state: ServiceState, because: String, isAsked: Bool) -> [NodeDirective] {
    let plan = Plan.opening(
      of: state.definition, by: settings.node, because: because, request: orderedHere(state)?.id)
    return transition(state, plan, to: .adopting, isAsked: isAsked)
  }

  private mutating func decideAsOwner(_ state: ServiceState, now: BootInstant) -> [NodeDirective] {
    guard let ownership = state.ownership else { return [] }
    if ownership.state == .releasing {
      // The transition was not known to have happened; it did, and its journal is in the store.
      services[state.definition.name]?.activity = .plan(.release)
      return [.resumePlan(state.definition.name, epoch: ownership.epoch, fromStart: false)]
    }
    if let request = state.request,
      let directives = carryOut(request, asOwnerOf: state, ownership, now: now)
    {
      return directives
    }
    guard pause == nil else { return [] }
    if let because = whyGiveAway(state.definition.name, now: now),
      let heir = heirs(state, besides: settings.node).first, whyFlapping(state, now: now) == nil
    {
      if health == .healthy,
        !reports.current(of: settings.node, now: now).contains(where: { $0.state == .unhealthy })
      {
        lastRelief = now
      }
      // Whoever may vote for itself is not named.
      let named = state.definition.election == .race ? heir : nil
      return release(state, ownership, to: named, because: because)
    }
    return moveByItself(state, ownership, now: now)
  }

  /// The service leaves here, for `target` or, where that is nil, for nowhere.
  mutating func release(
    _ state: ServiceState, _ ownership: Ownership, to target: NodeName?, because: String,
    request: ServiceRequest? = nil, isFailback: Bool = false
  ) -> [NodeDirective] {
    let plan = Plan.release(
      of: state.definition, by: settings.node, epoch: ownership.epoch, to: target, because: because,
      request: request?.id, outcome: request?.action.stops == true ? .offline : .released)
    return transition(
      state, plan, to: .releasing, reservedFor: target, isFailback: isFailback, isAsked: request != nil)
  }

  private mutating func decideAsCandidate(
    _ state: ServiceState, _ ownership: Ownership, now: BootInstant
  ) -> [NodeDirective] {
    guard state.definition.candidates.contains(settings.node) else { return [] }
    // Who beats keeps what it has: most services are looked at for no more than this.
    if ownership.state.isOwned, peers[ownership.node]?.verdict == .alive { return [] }
    let isEligible = whyNotEligible(state, now: now).isEmpty
    switch ownership.state {
    case .offline, .closed: return decideIdle(state, ownership, isEligible: isEligible, now: now)
    case .released: return decideReleased(state, ownership, isEligible: isEligible, now: now)
    case .adopting, .online, .releasing: break
    }
    let verdict = peers[ownership.node]?.verdict ?? .unknown
    if isEligible, let ordered = orderedHere(state), ordered.isForced, verdict != .alive,
      state.definition.hasFence || ordered.fenceConfirmed
    {
      return claim(
        state, from: .unaccounted(ownership.node, fenceConfirmedByOperator: ordered.fenceConfirmed),
        because: ordered.reason, isAsked: true, now: now)
    }
    let mayTry = isEligible && pause == nil && mayTry(state, besides: ownership.node)
    if case .late = verdict, mayTry {
      let bids = bidAhead(state, now: now)
      guard !state.definition.hasFence, isFirst(state) else { return bids }
      return bids + askWitness(state.definition.name, of: ownership.node, now: now)
    }
    guard case .dead(let missed) = verdict else { return [] }
    let former = FormerOwner.unaccounted(ownership.node, fenceConfirmedByOperator: false)
    if let request = state.request, request.action.stops {
      return isJudge(of: state) ? shelve(state, from: former, request) : []
    }
    guard mayTry else { return [] }
    let (isAllowed, directives) = mayAdopt(state, ownership, now: now)
    guard isAllowed else { return directives }
    return claim(
      state, from: former,
      because: "\(ownership.node) missed \(missed) beats" + evidence(against: ownership.node, now: now),
      now: now)
  }

  private mutating func decideReleased(
    _ state: ServiceState, _ ownership: Ownership, isEligible: Bool, now: BootInstant
  ) -> [NodeDirective] {
    if let request = state.request, request.action.stops {
      return isJudge(of: state) ? shelve(state, from: .released(ownership.node), request) : []
    }
    guard isEligible else { return [] }
    let ordered = orderedHere(state)
    let named = state.request.flatMap { target(of: $0, state) }
    if pause != nil, named.map({ whyNotTarget($0, state) != nil }) ?? true {
      // What was on its way when the pause came goes back to where it was: nothing changes hands by itself.
      guard ownership.node == settings.node else { return [] }
      return claim(
        state, from: .released(ownership.node), because: "the cluster was paused before anybody took it",
        now: now)
    }
    guard isHeir(state, ownership) else { return [] }
    // Whom it is for, or who has released it where there is nobody else, takes it without a vote.
    if ownership.reservedFor != settings.node, ownership.node != settings.node {
      let (isElected, bids) = vote(state, now: now)
      guard isElected else { return bids }
    }
    return claim(
      state, from: .released(ownership.node),
      because: ordered?.reason ?? "\(ownership.node) released it", isAsked: ordered != nil, now: now)
  }

  /// A released service goes to whom it was released for, else to the best candidate that can take it; the one who
  /// released it comes last.
  private func isHeir(_ state: ServiceState, _ ownership: Ownership) -> Bool {
    if let heir = ownership.reservedFor, drains[heir] == nil {
      if heir == settings.node { return true }
      switch peers[heir]?.verdict ?? .unknown {
      case .late, .unknown: return false
      case .alive where whyNotEligible(heir, for: state.definition.name).isEmpty: return false
      case .alive, .dead, .stopped: break
      }
    }
    let others = heirs(state, besides: ownership.node).filter { $0 != ownership.reservedFor }
    if others.isEmpty { return ownership.node == settings.node }
    return state.definition.election == .race
      ? others.first == settings.node : others.contains(settings.node)
  }

  /// The candidates that beat, drained ones among them.
  func livingCandidates(_ state: ServiceState) -> [NodeName] {
    state.definition.candidates.filter { $0 == settings.node || peers[$0]?.verdict == .alive }
  }

  /// The service comes here, with lock recovery.
  ///
  /// - Parameter isAsked: an operator asked for it, so that a pause does not stop it.
  mutating func claim(
    _ state: ServiceState, from former: FormerOwner, because: String, isAsked: Bool = false,
    now: BootInstant
  ) -> [NodeDirective] {
    let owed = timings.has(.fenceDebtIsForgotten) ? [] : state.owedFences(by: settings.node)
    let plan = Plan.adoption(
      of: state.definition, by: settings.node, epoch: state.nextEpoch - (timings.has(.epochStays) ? 1 : 0),
      from: former, because: because,
      request: orderedHere(state)?.id, owed: owed)
    // What nobody asked for counts; what cascades counts once, and what stays where it was or comes home as the
    // operator has arranged not at all.
    let comesHome = state.ownership?.isFailback == true && state.definition.home == settings.node
    let isMovedUnasked =
      !isAsked && !comesHome && former.node.map { $0 != settings.node && drains[$0] == nil } ?? false
    let isAutomatic = isMovedUnasked && state.ownership?.tried.isEmpty != false
    return transition(
      state, plan, to: .adopting, silentBeat: silentBeat(of: former),
      unfenced: former.unfenced(state.definition, owed: owed), tried: state.ownership?.tried ?? [],
      automatic: (isAutomatic ? [0] : []) + automaticAges(state, now: now), isAsked: isAsked)
  }

  /// The service, of which nothing runs here, goes offline.
  mutating func shelve(
    _ state: ServiceState, from former: FormerOwner, _ request: ServiceRequest
  ) -> [NodeDirective] {
    let plan = Plan.shelving(
      of: state.definition, by: settings.node, epoch: state.nextEpoch, because: request.reason,
      request: request.id)
    let owed = state.owedFences(by: settings.node)
    return transition(
      state, plan, to: .releasing, silentBeat: silentBeat(of: former),
      unfenced: former.unfenced(state.definition, owed: owed), isAsked: true)
  }

  private func silentBeat(of former: FormerOwner) -> Transition.SilentBeat? {
    guard case .unaccounted(let old, _) = former, let peer = peers[old], !timings.has(.claimComparesNoBeat)
    else { return nil }
    return Transition.SilentBeat(node: old, bytes: peer.observed)
  }

  mutating func transition(
    _ state: ServiceState, _ plan: Plan, to target: Ownership.State, reservedFor: NodeName? = nil,
    isFailback: Bool = false, silentBeat: Transition.SilentBeat? = nil, unfenced: [NodeName] = [],
    tried: [NodeName] = [], automatic: [Int]? = nil, isAsked: Bool
  ) -> [NodeDirective] {
    let isServed = [.serving, .handingOn].contains(state.activity)
    services[state.definition.name]?.activity = isServed ? .lettingGo : .claiming
    let plan = planted(in: plan)
    let ownership = Ownership(
      node: settings.node, epoch: plan.epoch, state: target, boot: settings.boot, reservedFor: reservedFor,
      isFailback: isFailback, unfenced: unfenced, tried: tried,
      generation: plan.epoch == state.ownership?.epoch ? state.ownership?.generation ?? 0 : 0,
      automatic: automatic ?? state.ownership?.automatic ?? [])
    let comesHere = target == .adopting && state.ownership?.node != settings.node
    return [
      .transition(
        Transition(
          service: state.definition.name, expected: state.ownerBytes, silentBeat: silentBeat,
          unlessPaused: !isAsked && (comesHere || target == .releasing) && !timings.has(.pauseIsIgnored),
          unlessDrained: comesHere, requests: plan.request == nil ? nil : state.requestBytes,
          removesBids: state.definition.election == .vote,
          ownership: ownership, plan: plan))
    ]
  }
}
