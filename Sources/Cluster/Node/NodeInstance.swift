/// One node's brain: beats, lease, detection and ownership, as a value.
///
/// Inputs are functions that begin with `on` and carry `now`; what they return MUST be carried out in order.
/// It reads no clock, no file and no random number; the daemon and the simulator run this very value.
///
/// The store decides, beats only suggest: a service changes owner by one compare-and-set, and a node that
/// can't renew its lease stops serving before the others may claim.
public struct NodeInstance: Sendable {
  /// Where the node stands.
  public enum Phase: Sendable, Equatable {
    /// Looking whether another live node has this name.
    case checkingName
    /// At work.
    case running
    /// Somebody else has this name; nothing more is written.
    case refused
  }

  let settings: Settings
  var timings: BeatTimings { settings.timings }
  let startedAt: BootInstant
  /// Where the node stands.
  public internal(set) var phase = Phase.checkingName
  var health = HealthJudge.Verdict.unproven
  var lease: OwnerLease
  var counter: UInt64 = 0
  var beatBytes: [UInt8]?
  var hasLooked = false
  var ownBeat: BeatDetector
  var peers: [NodeName: BeatDetector] = [:]
  var disagreements: [NodeName: [ServiceName: [String]]] = [:]
  var peerEligibility: [NodeName: Eligibility] = [:]
  var loopLag: LoopLag
  var stormGuard: StormGuard
  var reports = ReportBook()
  /// When this node last gave a service away because it was overloaded.
  var lastRelief: BootInstant?
  var services: [ServiceName: ServiceState] = [:]
  /// Those of `services` that have a time by which their clients must be told, or had: few look at all of them for that.
  var mayTellLate: Set<ServiceName> = []
  /// What stood on this machine when the daemon began.
  var standing: Set<ServiceName> = []
  /// A service is on its way, as of the look that is being judged: nobody counts all services for each of them.
  var hasServiceInMotion = false
  /// `config/pause`.
  public internal(set) var pause: OperatorMark?
  /// `nodes/<node>/drain`, of the nodes that have it.
  var drains: [NodeName: OperatorMark] = [:]

  /// A node that starts at `now`.
  public init(settings: Settings, now: BootInstant) {
    self.settings = settings
    startedAt = now
    lease = OwnerLease(timings: settings.timings)
    loopLag = LoopLag(timings: settings.timings)
    stormGuard = StormGuard(timings: settings.timings)
    ownBeat = BeatDetector(timings: settings.timings, staleness: settings.staleness, now: now)
    func isWithdrawn(_ name: ServiceName) -> Bool {
      settings.withdrawn.contains(name) && !settings.timings.has(.withdrawnIsForgotten)
    }
    for definition in settings.services {
      services[definition.name] = ServiceState(
        definition: definition, activity: isWithdrawn(definition.name) ? .givenUp : .none,
        needsRecovery: isWithdrawn(definition.name))
      for peer in definition.candidates where peer != settings.node {
        peers[peer] = BeatDetector(timings: settings.timings, staleness: settings.staleness, now: now)
      }
    }
  }

  /// Due every beat interval.
  public mutating func onTick(now: BootInstant) -> [NodeDirective] {
    guard phase != .refused else { return [] }
    loopLag.onTick(now: now)
    var directives = onLeaseWatch(now: now)
    if let renewal = renewal() { directives.append(.renew(renewal)) }
    directives.append(.look)
    return directives
  }

  /// Due at ``giveUpAt``, whatever else hangs: gives up what can't be served any longer.
  public mutating func onLeaseWatch(now: BootInstant) -> [NodeDirective] {
    var directives = giveUpLateAdoptions(now: now)
    if !lease.isHeld(now: now), !timings.has(.leaseIsNotWatched) {
      let because = "the lease could not be renewed in time"
      for name in orderedServices {
        guard let state = services[name], state.activity.isServing, !state.hasWithdrawn else { continue }
        if state.activity == .plan(.release) {
          // It stops serving as it must, and goes on handing over: every step compares the epoch.
          services[name]?.hasWithdrawn = true
          directives.append(.withdraw(name, because: because))
        } else {
          directives += giveUp(name, because: because)
        }
      }
    }
    // What a daemon before this one served is adopted by the others when the lease is over, if this one can't
    // beat: because the store is away, or because it isn't well.
    if now >= leaseEnds {
      let because =
        hasLooked
        ? "no beat has reached the store since the daemon started"
        : "the store could not be read since the daemon started"
      for name in orderedServices where services[name]?.mayBeLeftOver == true {
        services[name]?.mayBeLeftOver = false
        services[name]?.activity = .givenUp
        services[name]?.needsRecovery = true
        directives.append(.withdraw(name, because: because))
      }
    }
    return directives
  }

  /// When ``onLeaseWatch(now:)`` is due; nil while nothing depends on it.
  public var giveUpAt: BootInstant? {
    let dependsOnIt = services.values.contains {
      $0.mayBeLeftOver || $0.activity.isServing && !$0.hasWithdrawn
    }
    let late = mayTellLate.compactMap { services[$0]?.tellBy }.min()
    guard dependsOnIt else { return late }
    return late.map { min($0, leaseEnds) } ?? leaseEnds
  }

  /// The last renewal's end; before the first one that of the daemon before this one, as if it had been sent
  /// when this one started.
  private var leaseEnds: BootInstant {
    lease.giveUpAt ?? startedAt + settings.timings.usableLease - settings.timings.stopTime
  }

  /// The beat that was asked for was written, or not.
  public mutating func onRenewal(
    _ outcome: RenewalOutcome, of renewal: Renewal, sentAt: BootInstant, now: BootInstant
  ) -> [NodeDirective] {
    guard phase == .running else { return [] }
    switch outcome {
    case .renewed:
      beatBytes = renewal.beat
      // A renewal by which the watchdog could not be fed any more gives no time.
      if timings.leavesTimeForReset(renewedAt: sentAt, now: now) {
        lease.onRenewed(sentAt: timings.has(.leaseCountsFromAnswer) ? now : sentAt)
      }
      return []
    case .failed:
      return []
    case .foreignBeat(let actual):
      if let actual, let beat = Beat(bytes: actual), beat.instance.place != settings.instance.place {
        return refuse()
      }
      // Our own earlier beat, whose answer was lost, or the last one of the daemon before this one, or a key
      // that somebody deleted.
      beatBytes = actual
      return self.renewal().map { [.renew($0)] } ?? []
    case .ownerChanged(let name, let actual):
      let before = services[name]?.ownerBytes
      let directives = onOwner(name, actual, now: now)
      // The same epoch in another state is this node's own plan going on.
      let isStillOurs = services[name]?.activity.isServing == true && services[name]?.ownerBytes != before
      return directives + (isStillOurs ? self.renewal().map { [.renew($0)] } ?? [] : [])
    }
  }

  /// The store was read.
  public mutating func onLook(_ view: NodeView, now: BootInstant) -> [NodeDirective] {
    guard phase != .refused else { return [] }
    hasLooked = true
    for peer in peers.keys { peers[peer]?.onLook(view.beats[peer], now: now) }
    pause = timings.has(.pauseIsIgnored) ? nil : view.pause.map(OperatorMark.init(reading:))
    drains = view.drains.mapValues(OperatorMark.init(reading:))
    stormGuard.onLook(peers.mapValues(\.verdict), now: now)
    var directives = settleLeftOvers(view)
    if phase == .checkingName {
      directives += checkName(view.beats[settings.node], now: now)
      guard phase == .running else { return directives }
    }
    hasServiceInMotion = serviceInMotion != nil
    for name in orderedServices {
      guard let state = services[name] else { continue }
      // A cache may go on showing what this node itself has overtaken.
      if let changedAt = state.changedAt, view.startedAt <= changedAt + settings.staleness,
        !timings.has(.ownLookIsBelieved)
      {
        continue
      }
      if isOlderThanKnown(view.owners[name], state) { continue }
      onRequests(name, view.requests[name], now: now)
      services[name]?.ballot?.onLook(view.bids[name] ?? [:], startedAt: view.startedAt)
      directives += onOwner(name, view.owners[name], now: now)
      directives += decide(name, now: now)
      hasServiceInMotion = hasServiceInMotion || isInMotion(name)
    }
    return directives
  }

  /// A plan of this node read the owner key before a step.
  public mutating func onOwnerKey(_ name: ServiceName, _ bytes: [UInt8]?, now: BootInstant) -> [NodeDirective]
  {
    guard let state = services[name], !isOlderThanKnown(bytes, state) else { return [] }
    return onOwner(name, bytes, now: now)
  }

  /// What was read is older than what this node has itself written: a cache of the file system showed it, since epochs
  /// only grow. An owner is deposed by a newer epoch, or by a transaction that finds the key changed.
  private func isOlderThanKnown(_ bytes: [UInt8]?, _ state: ServiceState) -> Bool {
    guard state.activity.isServing, let known = state.ownership, known.node == settings.node else {
      return false
    }
    guard let bytes else { return true }
    if bytes == state.ownerBytes { return false }
    return Ownership(bytes: bytes).map { $0.epoch < known.epoch || $0.isOlder(than: known) } ?? false
  }

  /// This node's mirror has written the key anew: from `before` to `after`, under the same epoch.
  public mutating func onOwnerRenewed(_ name: ServiceName, from before: [UInt8], to after: [UInt8]) {
    // Where a plan was faster, the next beat shows what holds.
    guard services[name]?.ownerBytes == before, let ownership = Ownership(bytes: after) else { return }
    services[name]?.ownerBytes = after
    services[name]?.ownership = ownership
  }

  /// The probes' judgement.
  public mutating func onHealth(_ verdict: HealthJudge.Verdict, now: BootInstant) -> [NodeDirective] {
    health = verdict
    return []
  }

  /// Where another node's definitions differ from ours; empty where they agree.
  public mutating func onDefinitions(of peer: NodeName, disagreements found: [ServiceName: [String]]) {
    disagreements[peer] = found
  }

  /// Where this node and `peer` do not mean the same by `name`: neither adopts it from the other by itself.
  func differences(_ name: ServiceName, with peer: NodeName) -> [String] { disagreements[peer]?[name] ?? [] }

  /// The transition that was asked for has ended.
  public mutating func onTransition(
    _ transition: Transition, _ outcome: TransitionOutcome, now: BootInstant
  ) -> [NodeDirective] {
    let name = transition.service
    guard var state = services[name], [.claiming, .lettingGo].contains(state.activity) else { return [] }
    state.changedAt = now
    switch outcome {
    case .done:
      state.ownerBytes = transition.ownership.bytes
      if state.ownership?.epoch != transition.ownership.epoch { state.epochSeenAt = now }
      state.ownership = transition.ownership
      state.activity = .plan(transition.plan.kind)
      state.mayBeLeftOver = false
      state.hasWithdrawn = false
      state.needsRecovery = false
      state.planRequest = transition.plan.request
      state.failedAttempts = 0
      state.nextAttemptAt = nil
      state.failing = nil
      state.handOnProblem = nil
      state.ballot = nil
      services[name] = state
      return [.run(transition.plan)]
    case .conflict, .failed:
      // What is true now is seen at the next look; a write with an unknown end is seen there too.
      if state.activity == .lettingGo {
        state.activity = state.handOnProblem == nil ? .serving : .handingOn
      } else {
        // Its own service, which it had stopped serving, stays so.
        state.activity = state.ownership?.node == settings.node ? .givenUp : .none
      }
      state.failedAttempts += 1
      state.nextAttemptAt = now + settings.timings.interval * min(state.failedAttempts, 10)
      services[name] = state
      return []
    }
  }

  /// A plan has ended.
  public mutating func onPlanEnded(
    _ name: ServiceName, _ outcome: PlanOutcome, now: BootInstant
  ) -> [NodeDirective] {
    guard var state = services[name], case .plan = state.activity else { return [] }
    state.changedAt = now
    switch outcome {
    case .done(let ownership):
      // The mirror may have written the key anew since the plan's last step.
      if state.ownership.map({ ownership.isOlder(than: $0) && $0.state == ownership.state }) != true {
        state.ownership = ownership
        state.ownerBytes = ownership.bytes
      }
      state.activity = ownership.state == .online ? .serving : .none
      state.servedSince = ownership.state == .online ? now : nil
      state.failing = nil
      services[name] = state
      return []
    case .handOn(let problem):
      state.activity = .handingOn
      state.handOnProblem = problem
      services[name] = state
      var directives: [NodeDirective] = [
        .note("\(name) can't be adopted here, another candidate shall try: \(problem)")
      ]
      // A request to come here can't be carried out, and would call the service back from whoever can serve it.
      if let request = state.request, request.isBound(to: settings.node, home: state.definition.home) {
        let problem = "\(settings.node) could not adopt it: \(problem)"
        services[name]?.failedRequest = (request.id, problem)
        directives.append(end(request, state, .failed(problem)))
      }
      return directives + handOn(name, now: now)
    case .gaveUp(let problem):
      // The release is undone by adopting anew: what it had already stopped is recovered.
      // Whatever of it is left must not outlive the lease, which is not watched for it any longer.
      state.activity = .givenUp
      state.needsRecovery = true
      services[name] = state
      var directives: [NodeDirective] = [
        .withdraw(name, because: "its release failed half-way"),
        .note("\(name) is taken up again here: its release failed: \(problem)"),
      ]
      if let request = state.request, request.id == state.planRequest {
        services[name]?.failedRequest = (request.id, problem)
        directives.append(end(request, state, .failed(problem)))
      }
      return directives
    case .beginAnew(let problem):
      return [.note("the adoption of \(name) begins anew: \(problem)")] + giveUp(name, because: problem)
    case .lost:
      state.activity = .none
      state.needsRecovery = true
      services[name] = state
      return [.withdraw(name, because: "another node owns it now")]
    case .stopped:
      state.activity = .givenUp
      services[name] = state
      return []
    }
  }

  /// The last beat of a daemon that is stopped on purpose; nil where no beat of it counts.
  public mutating func onStop() -> Renewal? {
    guard phase == .running, var last = renewal() else { return nil }
    guard var beat = Beat(bytes: last.beat) else { return nil }
    beat.stoppedForMilliseconds = settings.timings.daemonStopGrace.wholeMilliseconds
    last.beat = beat.bytes
    return last
  }
}

extension NodeInstance {
  var orderedServices: [ServiceName] { settings.services.map(\.name) }

  var isBeating: Bool { phase == .running && health == .healthy }

  /// Unhealthy means: no beat, and so no lease.
  private mutating func renewal() -> Renewal? {
    guard isBeating else { return nil }
    counter &+= 1
    let beat = Beat(
      instance: settings.instance, counter: counter,
      leaseMilliseconds: settings.timings.lease.wholeMilliseconds)
    var owners: [ServiceName: [UInt8]] = [:]
    for (name, state) in services where state.activity.isServing && !timings.has(.beatCarriesNoOwners) {
      owners[name] = state.ownerBytes
    }
    return Renewal(expectedBeat: beatBytes, beat: beat.bytes, owners: owners)
  }

  mutating func giveUp(_ name: ServiceName, because: String) -> [NodeDirective] {
    services[name]?.activity = .givenUp
    services[name]?.needsRecovery = true
    return [.stopPlan(name), .withdraw(name, because: because)]
  }

  /// What the owner key holds, by a look or by a conflict.
  mutating func onOwner(_ name: ServiceName, _ bytes: [UInt8]?, now: BootInstant) -> [NodeDirective] {
    guard let state = services[name] else { return [] }
    services[name]?.hasBeenSeen = true
    services[name]?.ownerBytes = bytes
    let before = state.ownership
    let ownership = bytes == state.ownerBytes ? before : bytes.flatMap(Ownership.init(bytes:))
    services[name]?.ownership = ownership
    if ownership?.epoch != before?.epoch { services[name]?.epochSeenAt = now }
    var directives: [NodeDirective] = []
    if bytes != nil, ownership == nil, state.ownerBytes != bytes {
      directives.append(
        .note("services/\(name)/owner in the store can't be read; nobody serves \(name) until it is mended"))
    }
    let isOurs = ownership?.node == settings.node && ownership?.epoch == before?.epoch
    switch state.activity {
    case .plan, .serving, .lettingGo, .handingOn:
      guard !isOurs, !timings.has(.lostEpochIsIgnored) else { return [] }
      // Should the key come back as it was: what is withdrawn now needs more than a resumption.
      let owner = ownership.map { "\($0.node) with epoch \($0.epoch)" } ?? "nobody"
      return directives + giveUp(name, because: "the store says that it belongs to \(owner)")
    case .givenUp:
      if let ownership, ownership.node != settings.node { services[name]?.activity = .none }
      return directives
    case .none, .claiming:
      return directives
    }
  }
}
