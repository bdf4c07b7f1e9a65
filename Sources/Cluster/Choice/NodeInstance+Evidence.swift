/// Whether a silent owner may be taken for gone (failover-rules R7, R9, lesson 4).
extension NodeInstance {
  /// What the evidence allows.
  private enum Finding {
    case adopt
    case wait
    case hold(String)
  }

  /// A witness has answered, or there was none.
  public mutating func onWitness(
    _ name: ServiceName, of owner: NodeName, _ answer: WitnessAnswer, now: BootInstant
  ) -> [NodeDirective] {
    services[name]?.witness.onAnswer(of: owner, answer)
    hasServiceInMotion = serviceInMotion != nil
    return decide(name, now: now)
  }

  /// Asks ahead, while the owner is late: so that its death, when it is certain, waits for nobody.
  mutating func askWitness(_ name: ServiceName, of owner: NodeName, now: BootInstant) -> [NodeDirective] {
    let pause = settings.timings.interval * 2
    let asks = services[name]?.witness.asks(
      of: owner, every: pause, patience: settings.adoption.witnessTimeout * 2 + pause, now: now)
    return asks == true ? [.askWitness(name, owner: owner)] : []
  }

  /// Why the service is not adopted though its owner is silent; nil where nothing holds it, or where it is not for
  /// this node to adopt it.
  func whyHeldHere(_ name: ServiceName, now: BootInstant) -> String? {
    guard let state = services[name], let ownership = state.ownership else { return nil }
    if let reason = whyFlapping(state, now: now), !state.activity.isServing, ownership.state.isOwned {
      let isSilent: Bool
      if case .dead = peers[ownership.node]?.verdict ?? .unknown { isSilent = true } else { isSilent = false }
      if isSilent { return reason }
    }
    guard case .dead = peers[ownership.node]?.verdict ?? .unknown, ownership.state.isOwned,
      mayTry(state, besides: ownership.node), whyNotEligible(state, now: now).isEmpty,
      case .hold(let reason) = finding(state, ownership, now: now)
    else { return nil }
    return reason
  }

  /// Why an owner that misses beats is not taken for dead: this node sees it serving.
  func whyDegradedHere(_ peer: NodeName) -> [String] {
    orderedServices.compactMap { name in
      guard let witness = services[name]?.witness, witness.owner == peer,
        case .seen(let what)? = witness.last?.answer,
        services[name]?.ownership?.node == peer, peers[peer]?.verdict != .alive
      else { return nil }
      return "it misses beats, but is seen serving \(name): \(what)"
    }
  }

  /// The owner's silence is certain: whether it is this node's turn, and what else speaks for the owner's death.
  ///
  /// Of those who vote only whose turn it is asks witnesses, since the service's address has trouble enough. What it
  /// has heard holds for the others, as far as it keeps them from adopting; who adopts has asked itself.
  mutating func mayAdopt(_ state: ServiceState, _ ownership: Ownership, now: BootInstant) -> (
    isAllowed: Bool, directives: [NodeDirective]
  ) {
    guard whyFlapping(state, now: now) == nil else { return (false, []) }
    let finding = finding(state, ownership, now: now)
    var isOpen = !isHeldByBetterBidder(state, ownership.node)
    if case .hold = finding { isOpen = false }
    let (isElected, bids) = vote(state, isOpen: isOpen, now: now)
    if case .adopt = finding { return (isElected, bids) }
    guard isElected || isFirst(state) else { return (false, bids) }
    return (false, bids + askWitness(state.definition.name, of: ownership.node, now: now))
  }

  private func finding(_ state: ServiceState, _ ownership: Ownership, now: BootInstant) -> Finding {
    let noticed = stormGuard.noticed(ownership.node)
    // Where a fence proves that the owner is off, nobody else has to; but nobody fences half a cluster on the word
    // of a store that may have lost its beats.
    if noticed == nil, state.definition.hasFence { return .adopt }
    guard let last = state.witness.last, state.witness.owner == ownership.node,
      now - last.askedAt <= freshness
    else { return .wait }
    switch last.answer {
    case .seen(let what):
      return .hold("\(ownership.node) misses beats, but is seen serving: \(what)")
    case .notSeen:
      guard let noticed else { return .adopt }
      let since = max(state.witness.silentSince ?? last.askedAt, noticed)
      return last.askedAt - since >= settings.timings.interval * 2
        ? .adopt : .hold("several nodes fell silent at once; \(ownership.node) is looked at again")
    case .nobodyToAsk:
      guard let noticed else { return .adopt }
      return now - noticed >= settings.timings.lease
        ? .adopt
        : .hold(
          "several nodes fell silent at once, and nobody can be asked about \(ownership.node): a lease more")
    }
  }

  /// For so long an answer counts.
  private var freshness: Duration { settings.timings.interval * 4 + settings.adoption.witnessTimeout * 2 }

  // MARK: - Flapping

  /// The ages of the automatic adoptions that count now, in seconds.
  func automaticAges(_ state: ServiceState, now: BootInstant) -> [Int] {
    guard let flap = settings.adoption.flap, let ownership = state.ownership else { return [] }
    let elapsed = state.epochSeenAt.map { now - $0 } ?? .zero
    return ownership.automaticAges(after: elapsed, within: flap.window)
  }

  /// Why the service is not moved any more without an operator.
  func whyFlapping(_ state: ServiceState, now: BootInstant) -> String? {
    guard let flap = settings.adoption.flap else { return nil }
    let ages = automaticAges(state, now: now)
    guard ages.count >= flap.adoptions else { return nil }
    return "it was adopted automatically \(ages.count) times within \(DurationText.text(flap.window)); "
      + "`lockferry unhold \(state.definition.name)` lets it go on"
  }
}
