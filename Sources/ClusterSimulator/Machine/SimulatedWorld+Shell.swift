import Cluster

extension NodeInstance {
  /// In place: a second one would have its dictionaries copied.
  fileprivate mutating func take(_ input: (inout NodeInstance) -> [NodeDirective]) -> [NodeDirective] {
    input(&self)
  }
}

/// The daemon's loops and directives, as events.
extension SimulatedWorld {
  // MARK: - Loops

  mutating func tick(_ node: NodeName) {
    let began = now
    let interval = trueTime(timings.interval, on: node)
    input(node, { $0.onTick(now: $1) }) { world in
      // A turn in a vote does not wait for the next tick.
      let own = world.clock(node)
      let turn = world.machines[node]?.instance?.nextTurn.flatMap { $0 > own ? $0 - own : nil }
      let pause = min(began + interval - world.now, turn.map { world.trueTime($0, on: node) + 1 } ?? .max)
      world.schedule(after: max(pause, 1), for: node) { $0.tick(node) }
    }
  }

  mutating func watchLease(_ node: NodeName) {
    let own = clock(node)
    if let due = machines[node]?.instance?.giveUpAt, due <= own { input(node) { $0.onLeaseWatch(now: $1) } }
    let untilDue = machines[node]?.instance?.giveUpAt.map { max($0 - own, .milliseconds(1)) }
    let interval = timings.interval
    schedule(after: trueTime(untilDue.map { min($0, interval * 2) } ?? interval, on: node), for: node) {
      $0.watchLease(node)
    }
  }

  /// Gives the core an input, carries its directives out in order, and goes on.
  mutating func input(
    _ node: NodeName, _ body: (inout NodeInstance, BootInstant) -> [NodeDirective],
    then: @escaping Action = { _ in }
  ) {
    let own = clock(node)
    guard let directives = machines[node]?.instance?.take({ body(&$0, own) }) else { return }
    // What must stop is begun first: the other directives may wait for somebody.
    for case .withdraw(let service, let because) in directives {
      withdraw(service, on: node, because: because)
    }
    carryOut(node, directives[...], then: then)
  }

  private mutating func carryOut(
    _ node: NodeName, _ directives: ArraySlice<NodeDirective>, then: @escaping Action
  ) {
    guard let first = directives.first else { return then(&self) }
    let rest: Action = { $0.carryOut(node, directives.dropFirst(), then: then) }
    switch first {
    case .renew(let renewal):
      let sentAt = clock(node)
      call(from: node, .beat, { $0.store.renew(node, renewal) }) { world, outcome in
        world.input(
          node,
          { $0.onRenewal(outcome ?? .failed("no answer"), of: renewal, sentAt: sentAt, now: $1) }, then: rest)
      }
    case .look: look(node, then: rest)
    case .transition(let transition):
      note("\(node) asks for \(transition.ownership.state) with epoch \(transition.ownership.epoch)")
      call(from: node, .write, { $0.land(transition, from: node) }) { world, outcome in
        if outcome == .done, transition.ownership.state == .adopting {
          world.machines[node]?.claimed[transition.service] = transition.ownership.epoch
        }
        world.input(
          node, { $0.onTransition(transition, outcome ?? .failed("no answer"), now: $1) }, then: rest)
      }
    case .run(let plan):
      start(plan, done: 0, stateNumber: nil, on: node)
      rest(&self)
    case .resumePlan(let service, let epoch, let fromStart):
      resume(service, epoch: epoch, fromStart: fromStart, on: node)
      rest(&self)
    case .stopPlan(let service):
      machines[node]?.plans[service] = nil
      endMirror(service, on: node)
      machines[node]?.notifying[service] = nil
      rest(&self)
    case .withdraw:
      rest(&self)
    case .askWitness(let service, let owner):
      askWitness(service, owner, from: node)
      rest(&self)
    case .endRequest(let end):
      if case .failed = end.outcome, timings.has(.failedRequestStays) { return rest(&self) }
      call(from: node, .write, { $0.end(end, by: node) }) { _, _ in }
      rest(&self)
    case .placeBid(let placement):
      let usual = machines[node]?.numbers.number(0...400) ?? 0
      let load = Load(percent: machines[node]?.isOverloaded == true ? 1000 : usual)
      call(from: node, .write, { $0.store.place(placement, by: node, load: load) }) { world, outcome in
        world.input(node, { $0.onBid(placement, load: load, outcome ?? .failed, now: $1) }, then: rest)
      }
    case .withdrawBid(let service, let epoch):
      call(from: node, .write, { $0.store.bids[service]?[epoch]?[node] = nil }) { _, _ in }
      rest(&self)
    case .refuse(let problem):
      violate(.oneName, "\(node) is refused: \(problem)")
    case .note(let text):
      announce("\(node): \(text)")
      rest(&self)
    }
  }

  /// An address that is on a running machine answers whoever reaches it, whatever its daemon does.
  private mutating func askWitness(_ service: ServiceName, _ owner: NodeName, from node: NodeName) {
    let delay = machines[node]?.numbers.number(500...1_000_000) ?? 0
    schedule(after: delay, for: node) { world in
      let serves =
        world.machines[owner].map {
          $0.isOn && $0.pausedUntil <= world.now && !$0.isServerDown && $0.holds(service)
            && !$0.isCutFromPeers
        } ?? false && world.machines[node]?.isCutFromPeers == false
      let answer: WitnessAnswer =
        world.shape.unwitnessed.contains(service) ? .nobodyToAsk : serves ? .seen("its address") : .notSeen
      world.input(node, { $0.onWitness(service, of: owner, answer, now: $1) })
    }
  }

  /// One key after the other, so that what is seen need never have been true at once.
  private mutating func look(_ node: NodeName, then: @escaping Action) {
    let startedAt = clock(node)
    let isApart = machines[node]?.trouble != CallTrouble() && machines[node]?.numbers.chance(20) == true
    let nodes = machines[node]?.instance?.nodesToLookAt
    let polls = machines[node]?.instance?.polls ?? []
    call(from: node, .read, { $0.seen(by: node).view(startedAt: startedAt, of: nodes, polls: polls) }) {
      world, first in
      guard let first else { return then(&world) }
      guard isApart else { return world.input(node, { $0.onLook(first, now: $1) }, then: then) }
      world.call(from: node, .read, { $0.seen(by: node).view(startedAt: startedAt, polls: polls) }) {
        world, second in
        guard var view = second else { return then(&world) }
        view.beats = first.beats
        world.input(node, { $0.onLook(view, now: $1) }, then: then)
      }
    }
  }

  private mutating func land(_ transition: Transition, from node: NodeName) -> TransitionOutcome {
    let before = store.ownership(transition.service)
    let outcome = store.make(transition)
    guard outcome == .done else { return outcome }
    ownerChanged(transition.service, from: before)
    note("\(node) is \(transition.ownership.state) with epoch \(transition.ownership.epoch)")
    if transition.ownership.state == .adopting {
      claimed(transition.service, by: node, plan: transition.plan)
    }
    return outcome
  }

  mutating func end(_ end: RequestEnd, by node: NodeName) {
    let before = store.ended[end.service]?.count ?? 0
    store.end(end)
    guard (store.ended[end.service]?.count ?? 0) > before else { return }
    note("\(node) ends the request \(end.request.id) of \(end.service): \(end.outcome)")
    chronicle?.requestEnded(end, by: node, at: now)
  }

  private mutating func withdraw(_ service: ServiceName, on node: NodeName, because: String) {
    machines[node]?.withdrawn.insert(service)
    guard machines[node]?.withdrawing.insert(service).inserted == true else { return }
    announce("\(node) withdraws \(service): \(because)")
    endWithdrawal(service, on: node)
  }

  /// Tried again until it succeeds: nothing may be left of it.
  private mutating func endWithdrawal(_ service: ServiceName, on node: NodeName) {
    let longest = trueTime(timings.stopTime, on: node)
    let length = machines[node]?.numbers.number(0...longest) ?? 0
    schedule(after: length, for: node) { world in
      if world.machines[node]?.withdrawalFails == true {
        world.excuse(node, until: world.now + longest + 100_000)
        return world.endWithdrawal(service, on: node)
      }
      world.machines[node]?.withdrawing.remove(service)
      world.machines[node]?.addresses[service] = nil
      world.stopLockManager(service, on: node)
    }
  }
}
