/// What to do with a service whose owner is known.
extension NodeInstance {
  mutating func decide(_ name: ServiceName, now: BootInstant) -> [NodeDirective] {
    guard let state = services[name], phase == .running else { return [] }
    if let at = state.nextAttemptAt, now < at { return [] }
    switch state.activity {
    case .claiming, .lettingGo, .plan: return []
    case .serving: return decideAsOwner(state, now: now)
    case .handingOn: return handOn(name, now: now)
    case .none, .givenUp: break
    }
    guard state.hasBeenSeen, whyUnable(now: now).isEmpty else { return [] }
    guard let ownership = state.ownership else {
      guard state.ownerBytes == nil, state.definition.home == settings.node || orderedHere(state) != nil,
        whyUnchecked(state).isEmpty
      else { return [] }
      return open(state)
    }
    if ownership.node == settings.node, ownership.state != .released {
      return takeUp(state, ownership, now: now)
    }
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
    case .online, .releasing, .released:
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

  private mutating func open(_ state: ServiceState) -> [NodeDirective] {
    let plan = Plan.opening(
      of: state.definition, by: settings.node, because: "opened for the first time",
      request: orderedHere(state)?.id)
    return transition(state, plan, to: .adopting)
  }

  private mutating func decideAsOwner(_ state: ServiceState, now: BootInstant) -> [NodeDirective] {
    guard let ownership = state.ownership else { return [] }
    if ownership.state == .releasing {
      // The transition was not known to have happened; it did, and its journal is in the store.
      services[state.definition.name]?.activity = .plan(.release)
      return [.resumePlan(state.definition.name, epoch: ownership.epoch, fromStart: false)]
    }
    if let bytes = state.orderBytes, let order = state.order, order.problem == nil {
      if let problem = whyNotOrdered(order, state) {
        var refused = order
        refused.problem = problem
        return [.refuseOrder(state.definition.name, expected: bytes, refused)]
      }
      return release(state, ownership, to: order.to, because: order.reason, request: order.id)
    }
    if let because = whyGiveAway(state.definition.name, now: now),
      let heir = heirs(state, besides: settings.node).first, whyFlapping(state, now: now) == nil
    {
      if health == .healthy,
        !reports.current(of: settings.node, now: now).contains(where: { $0.state == .unhealthy })
      {
        lastRelief = now
      }
      return release(state, ownership, to: heir, because: because, request: nil)
    }
    return []
  }

  private func whyNotOrdered(_ order: MigrationOrder, _ state: ServiceState) -> String? {
    if order.to == settings.node { return "\(settings.node) owns it already" }
    guard state.definition.candidates.contains(order.to) else {
      return "\(order.to) is not a candidate of \(state.definition.name) in \(settings.node)'s node file"
    }
    guard case .alive? = peers[order.to]?.verdict else {
      return "\(order.to) does not beat; nothing was released"
    }
    let reasons = whyNotEligible(order.to, for: state.definition.name)
    if !reasons.isEmpty {
      return "\(order.to) can't take it: \(reasons.joined(separator: "; ")); nothing was released"
    }
    let differences = differences(state.definition.name, with: order.to)
    if !differences.isEmpty {
      return
        "the node files of \(settings.node) and \(order.to) differ: \(differences.joined(separator: ", "))"
    }
    return nil
  }

  private mutating func release(
    _ state: ServiceState, _ ownership: Ownership, to target: NodeName, because: String, request: String?
  ) -> [NodeDirective] {
    let plan = Plan.release(
      of: state.definition, by: settings.node, epoch: ownership.epoch, to: target, because: because,
      request: request)
    return transition(state, plan, to: .releasing, reservedFor: target)
  }

  private mutating func decideAsCandidate(
    _ state: ServiceState, _ ownership: Ownership, now: BootInstant
  ) -> [NodeDirective] {
    guard state.definition.candidates.contains(settings.node), whyNotEligible(state, now: now).isEmpty
    else { return [] }
    let order = state.order.flatMap { $0.problem == nil ? $0 : nil }
    if ownership.state == .released {
      guard isHeir(state, ownership) else { return [] }
      let because =
        order.map(\.reason) ?? "\(ownership.node) released it"
      return claim(state, from: .released(ownership.node), because: because, now: now)
    }
    let verdict = peers[ownership.node]?.verdict ?? .unknown
    if let order, order.isForced, order.to == settings.node, verdict != .alive,
      state.definition.hasFence || order.fenceConfirmed
    {
      return claim(
        state, from: .unaccounted(ownership.node, fenceConfirmedByOperator: order.fenceConfirmed),
        because: order.reason, now: now)
    }
    guard heirs(state, besides: ownership.node).first == settings.node else { return [] }
    if case .late = verdict, !state.definition.hasFence {
      return askWitness(state.definition.name, of: ownership.node, now: now)
    }
    guard case .dead(let missed) = verdict else { return [] }
    let (isAllowed, questions) = mayAdopt(state, ownership, now: now)
    guard isAllowed else { return questions }
    return claim(
      state, from: .unaccounted(ownership.node, fenceConfirmedByOperator: false),
      because: "\(ownership.node) missed \(missed) beats" + evidence(against: ownership.node, now: now),
      now: now)
  }

  /// A released service goes to whom it was released for, else to the best candidate that can take it; the one who
  /// released it comes last.
  private func isHeir(_ state: ServiceState, _ ownership: Ownership) -> Bool {
    if let heir = ownership.reservedFor, heir != settings.node {
      switch peers[heir]?.verdict ?? .unknown {
      case .late, .unknown: return false
      case .alive where whyNotEligible(heir, for: state.definition.name).isEmpty: return false
      case .alive, .dead, .stopped: break
      }
    }
    if ownership.reservedFor == settings.node { return true }
    let others = heirs(state, besides: ownership.node).filter { $0 != ownership.reservedFor }
    return others.first == settings.node || (others.isEmpty && ownership.node == settings.node)
  }

  private func orderedHere(_ state: ServiceState) -> MigrationOrder? {
    state.order.flatMap { $0.problem == nil && $0.to == settings.node ? $0 : nil }
  }

  private mutating func claim(
    _ state: ServiceState, from former: FormerOwner, because: String, now: BootInstant
  ) -> [NodeDirective] {
    let before = timings.has(.fenceDebtIsForgotten) ? nil : state.ownership?.unfenced
    let owed = before?.filter { $0 != settings.node } ?? []
    let plan = Plan.adoption(
      of: state.definition, by: settings.node,
      epoch: (state.ownership?.epoch ?? 0) + (timings.has(.epochStays) ? 0 : 1), from: former,
      because: because, request: orderedHere(state)?.id, owed: owed)
    var silentBeat: Transition.SilentBeat?
    if case .unaccounted(let old, _) = former, let peer = peers[old], !timings.has(.claimComparesNoBeat) {
      silentBeat = Transition.SilentBeat(node: old, bytes: peer.observed)
    }
    // What nobody asked for counts; what cascades counts once.
    let isAutomatic: Bool
    switch former {
    case .unaccounted, .released:
      isAutomatic = orderedHere(state) == nil && state.ownership?.tried.isEmpty != false
    case .none, .here: isAutomatic = false
    }
    return transition(
      state, plan, to: .adopting, silentBeat: silentBeat,
      unfenced: former.unfenced(state.definition, owed: owed), tried: state.ownership?.tried ?? [],
      automatic: (isAutomatic ? [0] : []) + automaticAges(state, now: now))
  }

  mutating func transition(
    _ state: ServiceState, _ plan: Plan, to target: Ownership.State, reservedFor: NodeName? = nil,
    silentBeat: Transition.SilentBeat? = nil, unfenced: [NodeName] = [], tried: [NodeName] = [],
    automatic: [Int]? = nil
  ) -> [NodeDirective] {
    services[state.definition.name]?.activity = target == .releasing ? .lettingGo : .claiming
    let plan = planted(in: plan)
    let ownership = Ownership(
      node: settings.node, epoch: plan.epoch, state: target, boot: settings.boot, reservedFor: reservedFor,
      unfenced: unfenced, tried: tried, automatic: automatic ?? state.ownership?.automatic ?? [])
    return [
      .transition(
        Transition(
          service: state.definition.name, expected: state.ownerBytes, silentBeat: silentBeat,
          ownership: ownership, plan: plan))
    ]
  }
}
