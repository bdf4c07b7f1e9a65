/// What the node knows, for `lockferry status` and for messages.
extension NodeInstance {
  /// Some service is served here, or is being brought here.
  public var servesAnything: Bool {
    services.values.contains { $0.activity.isServing && !$0.hasWithdrawn }
  }

  /// What a daemon before this one may have left running here has not all been looked at.
  public var mayHaveLeftovers: Bool { services.values.contains(where: \.mayBeLeftOver) }

  /// A beat of this daemon has reached the store.
  public var hasBeaten: Bool { lease.giveUpAt != nil }

  /// Why this node can serve nothing now; empty when it can.
  public func whyUnable(now: BootInstant) -> [String] {
    var reasons: [String] = []
    switch phase {
    case .checkingName: reasons.append("still making sure that no other node is called \(settings.node)")
    case .refused: reasons.append("another live node is called \(settings.node)")
    case .running: break
    }
    switch health {
    case .unproven: reasons.append("the health probes have not answered yet")
    case .unhealthy(let problems): reasons += problems
    case .healthy: break
    }
    if phase == .running, health == .healthy, !lease.isHeld(now: now) {
      reasons.append("no beat of this node has reached the store in time")
    }
    return reasons
  }

  /// Why this node could not adopt `name` now; empty when it could.
  public func whyNotCandidate(_ name: ServiceName, now: BootInstant) -> [String] {
    guard let state = services[name] else { return ["no such service in this node's file"] }
    guard state.definition.candidates.contains(settings.node) else {
      return ["this node is not among its candidates"]
    }
    var reasons = whyUnable(now: now) + (loopLag.reason(now: now).map { [$0] } ?? []) + whyUnchecked(state)
    if let drain = drains[settings.node] { reasons.append("this node is drained \(drain.text)") }
    for peer in peerNames {
      let differences = differences(name, with: peer)
      guard !differences.isEmpty else { continue }
      reasons.append("the node file of \(peer) differs: \(differences.joined(separator: ", "))")
    }
    return reasons
  }

  /// The owner of `name` as last known, and whether this node serves it.
  public func standing(of name: ServiceName) -> Standing {
    guard let state = services[name] else {
      return Standing(
        hasBeenSeen: false, ownership: nil, isServedHere: false, requests: [],
        canReadRequests: true)
    }
    return Standing(
      hasBeenSeen: state.hasBeenSeen, ownership: state.ownership, isServedHere: state.activity.isServing,
      requests: state.requests.requests, canReadRequests: state.canReadRequests)
  }

  /// This node serves `name` and has not been told to stop.
  public func isServing(_ name: ServiceName) -> Bool {
    services[name].map { $0.activity.isServing && !$0.hasWithdrawn } ?? false
  }

  /// A service as this node sees it.
  public struct Standing: Sendable, Equatable {
    /// The store was read since the daemon started.
    public var hasBeenSeen: Bool
    /// Its owner; nil where it was never owned.
    public var ownership: Ownership?
    /// This node serves it, or runs a plan for it.
    public var isServedHere: Bool
    /// What is asked of it and has not ended, oldest first.
    public var requests: [ServiceRequest]
    /// False where the queue in the store is damaged: nothing of it is carried out.
    public var canReadRequests: Bool
  }

  /// The bytes of the owner key that a write for `name` compares with; nil unless this node holds `epoch`.
  public func ownerBytes(of name: ServiceName, epoch: UInt64) -> [UInt8]? {
    guard let state = services[name], state.activity.isServing, state.ownership?.epoch == epoch,
      state.ownership?.node == settings.node
    else { return nil }
    return state.ownerBytes
  }

  /// Another node's beat as seen from here.
  public func peer(_ node: NodeName) -> BeatDetector? { peers[node] }

  /// Where `node`'s definitions differ from ours.
  public func disagreementsWith(_ node: NodeName) -> [String] {
    orderedServices.flatMap { name in differences(name, with: node).map { "\(name): \($0)" } }
  }

  /// Every other node that a service names.
  public var peerNames: [NodeName] { peers.keys.sorted() }

  /// Whose beats a look has to show. This node's own only while it settles what it starts with: later each renewal
  /// compares it.
  public var nodesToLookAt: [NodeName] {
    let isSettling = phase == .checkingName || services.values.contains { $0.mayBeLeftOver }
    return isSettling ? peerNames + [settings.node] : peerNames
  }

  /// How much later than it was due the last tick came.
  public var loopLateness: Duration { loopLag.last }

  /// How often a tick came so late that this node took nothing upon itself for a lease.
  public var timesLoopWasLate: Int { loopLag.timesLate }

  /// How long ago this node's last beat that reached the store was sent; nil before the first one.
  public func beatAge(now: BootInstant) -> Duration? { lease.renewalSentAt.map { now - $0 } }

  /// The beats of this node are being written.
  public var isBeatingNow: Bool { isBeating }
}
