/// The synchronous choice (C3): eligible candidates publish bids, wait a bounded time, and the best one claims.
///
/// The claim stays a compare-and-set of the owner key: what is believed of bids decides who tries, and when. Where the
/// best bidder dies or hangs before its claim, the next one's turn comes one more wait later.
extension NodeInstance {
  /// How long bids are waited for, and how long each better bidder is.
  private var voteWait: Duration {
    (settings.adoption.voteWait ?? settings.timings.interval * 2) + settings.staleness
  }

  /// Later than that everybody's turn is over, or something has held the service: a load of so long ago says nothing.
  private func bidLife(_ state: ServiceState) -> Duration {
    settings.timings.lease + settings.staleness + voteWait * (state.definition.candidates.count + 2)
  }

  /// This node may try to take the service, as far as the choice between candidates goes.
  func mayTry(_ state: ServiceState, besides owner: NodeName) -> Bool {
    let heirs = heirs(state, besides: owner)
    switch state.definition.election {
    case .race: return heirs.first == settings.node
    case .vote: return heirs.contains(settings.node)
    }
  }

  /// Bids ahead, while the owner is late: so that its death, when it is certain, waits for no bids.
  mutating func bidAhead(_ state: ServiceState, now: BootInstant) -> [NodeDirective] {
    guard state.definition.election == .vote, let occasion = occasion(state) else { return [] }
    return takePart(state, occasion, now: now)
  }

  /// Whether this node claims the service now; if not, what it does about its bid.
  mutating func vote(
    _ state: ServiceState, isOpen: Bool = true, now: BootInstant
  ) -> (isElected: Bool, directives: [NodeDirective]) {
    let name = state.definition.name
    guard state.definition.election == .vote, let occasion = occasion(state) else { return (isOpen, []) }
    let directives = takePart(state, occasion, now: now)
    services[name]?.ballot?.onPermission(isOpen, now: now)
    guard isOpen, let ballot = services[name]?.ballot, let turn = turn(of: ballot, state) else {
      return (false, directives)
    }
    if let placed = ballot.placed, now - placed.at > bidLife(state) {
      services[name]?.ballot = nil
      return (false, takePart(state, occasion, now: now))
    }
    return (ballot.hasWaited(voteWait) && now >= turn, directives)
  }

  /// Nobody comes before this node, as far as it knows: it is the one that asks witnesses ahead.
  func isFirst(_ state: ServiceState) -> Bool {
    guard state.definition.election == .vote else { return true }
    guard let owner = state.ownership?.node, let ballot = services[state.definition.name]?.ballot else {
      return false
    }
    return ballot.hasWaited(voteWait) && betterBidders(of: ballot, state, besides: owner).isEmpty
  }

  /// Somebody who comes before this node in the vote, and beats, says that `owner` is not to be taken for gone: turns
  /// are counted anew when it says so no more.
  func isHeldByBetterBidder(_ state: ServiceState, _ owner: NodeName) -> Bool {
    let name = state.definition.name
    guard state.definition.election == .vote, let ballot = services[name]?.ballot else { return false }
    return betterBidders(of: ballot, state, besides: owner).contains {
      peerEligibility[$0]?.held?[name.text] != nil
    }
  }

  /// The bid was placed, or not.
  public mutating func onBid(
    _ placement: BidPlacement, load: Load?, _ outcome: BidOutcome, now: BootInstant
  ) -> [NodeDirective] {
    let name = placement.service
    guard let ballot = services[name]?.ballot, ballot.epoch == placement.epoch,
      ballot.occasion == placement.occasion
    else {
      // Nobody needs it any more, but it may be in the store.
      return outcome == .tooLate ? [] : [.withdrawBid(name, epoch: placement.epoch)]
    }
    switch outcome {
    case .placed: services[name]?.ballot?.onPlaced(placement.bid(load: load), now: now)
    case .failed where timings.has(.lostBidIsAwaited): break
    case .failed: services[name]?.ballot?.onPlaced(nil, now: now)
    case .tooLate where timings.has(.lateBidIsPlaced):
      services[name]?.ballot?.onPlaced(placement.bid(load: load), now: now)
    case .tooLate: services[name]?.ballot = nil
    }
    return []
  }

  /// Whose bids a look has to show.
  public var polls: [Poll] {
    orderedServices.compactMap { name in
      guard let state = services[name], let ballot = state.ballot else { return nil }
      return Poll(
        service: name, epoch: ballot.epoch,
        candidates: state.definition.candidates.filter { $0 != settings.node })
    }
  }

  /// When a look would decide a vote; nil where the next tick is soon enough.
  public var nextTurn: BootInstant? {
    guard services.values.contains(where: { $0.ballot != nil }) else { return nil }
    return orderedServices.compactMap { name in
      services[name].flatMap { state in state.ballot.flatMap { turn(of: $0, state) } }
    }.min()
  }

  /// What this node has bid for `name`, and for which epoch; nil while it does not vote.
  public func ownBid(_ name: ServiceName) -> (epoch: UInt64, bid: Bid)? {
    guard let ballot = services[name]?.ballot, let bid = ballot.placed?.bid else { return nil }
    return (ballot.epoch, bid)
  }

  /// Withdraws the bid where the last decision had no use for it.
  mutating func leaveVote(_ name: ServiceName) -> [NodeDirective] {
    guard let state = services[name], let ballot = state.ballot, !ballot.isNeeded,
      state.activity != .claiming
    else { return [] }
    services[name]?.ballot = nil
    // Whoever claimed the epoch has removed all bids for it.
    return state.nextEpoch == ballot.epoch && !ballot.isPlacing
      ? [.withdrawBid(name, epoch: ballot.epoch)] : []
  }

  // MARK: - Parts

  private mutating func takePart(
    _ state: ServiceState, _ occasion: String, now: BootInstant
  ) -> [NodeDirective] {
    let name = state.definition.name
    var ballot = services[name]?.ballot ?? Ballot(epoch: state.nextEpoch, occasion: occasion)
    if ballot.epoch != state.nextEpoch || ballot.occasion != occasion {
      ballot = Ballot(epoch: state.nextEpoch, occasion: occasion)
    }
    ballot.isNeeded = true
    let places = ballot.places()
    services[name]?.ballot = ballot
    guard places else { return [] }
    return [
      .placeBid(
        BidPlacement(
          service: name, epoch: ballot.epoch, owner: state.ownerBytes, priority: state.definition.priority,
          run: settings.instance.run, occasion: occasion))
    ]
  }

  private func turn(of ballot: Ballot, _ state: ServiceState) -> BootInstant? {
    guard let owner = state.ownership?.node else { return nil }
    let rank = betterBidders(of: ballot, state, besides: owner).count
    if rank > 0, timings.has(.turnNeverComes) { return nil }
    return ballot.turn(rank, wait: voteWait)
  }

  /// Whose bids, as far as they count, come before this node's.
  private func betterBidders(of ballot: Ballot, _ state: ServiceState, besides owner: NodeName) -> [NodeName]
  {
    let heirs = heirs(state, besides: owner)
    return ballot.better(than: settings.node, among: state.definition.candidates) { candidate, bid in
      heirs.contains(candidate)
        && (peers[candidate]?.beat?.instance.run == bid.run || timings.has(.everyBidCounts))
    }
  }

  /// What the vote is about; the same for everybody who sees the same.
  private func occasion(_ state: ServiceState) -> String? {
    guard let ownership = state.ownership else { return nil }
    guard ownership.state.isOwned else { return "released" }
    return peers[ownership.node]?.beat.map { "silent since beat \($0.counter) of \($0.instance.run)" }
  }
}
