import Cluster

/// The daemon's loops and plans, as events of the simulation.
extension SimulatedWorld {
  // MARK: - Loops

  mutating func tick(_ node: NodeName) {
    let began = now
    let interval = trueTime(timings.interval, on: node)
    input(node, { $0.onTick(now: $1) }) { world in
      world.schedule(after: max(began + interval - world.now, 1), for: node) { $0.tick(node) }
    }
  }

  mutating func watchLease(_ node: NodeName) {
    let own = clock(node)
    if let due = machines[node]?.instance?.giveUpAt, due <= own { input(node) { $0.onLeaseWatch(now: $1) } }
    let untilDue = machines[node]?.instance?.giveUpAt.map { max($0 - own, .milliseconds(1)) }
    schedule(after: trueTime(min(untilDue ?? timings.interval, timings.interval), on: node), for: node) {
      $0.watchLease(node)
    }
  }

  /// Gives the core an input, carries its directives out in order, and goes on.
  mutating func input(
    _ node: NodeName, _ body: (inout NodeInstance, BootInstant) -> [NodeDirective],
    then: @escaping Action = { _ in }
  ) {
    guard var instance = machines[node]?.instance else { return }
    // Not two of it: its dictionaries would be copied.
    machines[node]?.instance = nil
    let directives = body(&instance, clock(node))
    machines[node]?.instance = instance
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
      call(from: node, { $0.store.renew(node, renewal) }) { world, outcome in
        world.input(
          node,
          { $0.onRenewal(outcome ?? .failed("no answer"), of: renewal, sentAt: sentAt, now: $1) }, then: rest)
      }
    case .look: look(node, then: rest)
    case .transition(let transition):
      note("\(node) asks for \(transition.ownership.state) with epoch \(transition.ownership.epoch)")
      call(from: node, { $0.land(transition, from: node) }) { world, outcome in
        world.input(
          node, { $0.onTransition(transition, outcome ?? .failed("no answer"), now: $1) }, then: rest)
      }
    case .run(let plan):
      start(plan, done: 0, on: node)
      rest(&self)
    case .resumePlan(let service, let epoch, let fromStart):
      resume(service, epoch: epoch, fromStart: fromStart, on: node)
      rest(&self)
    case .stopPlan(let service):
      machines[node]?.plans[service] = nil
      rest(&self)
    case .withdraw(let service, let because):
      withdraw(service, on: node, because: because)
      rest(&self)
    case .askWitness(let service, let owner):
      askWitness(service, owner, from: node)
      rest(&self)
    case .endRequest(let end):
      call(from: node, { $0.store.end(end) }) { _, _ in }
      rest(&self)
    case .refuse(let problem):
      violations.append("\(node) is refused: \(problem)")
    case .note:
      rest(&self)
    }
  }

  /// An address that is on a running machine answers, whatever its daemon does.
  private mutating func askWitness(_ service: ServiceName, _ owner: NodeName, from node: NodeName) {
    schedule(after: numbers.number(500...1_000_000), for: node) { world in
      let serves =
        world.machines[owner].map { $0.isOn && $0.pausedUntil <= world.now && $0.holds.contains(service) }
        ?? false
      world.input(
        node, { $0.onWitness(service, of: owner, serves ? .seen("its address") : .notSeen, now: $1) })
    }
  }

  /// One key after the other, so that what is seen need never have been true at once.
  private mutating func look(_ node: NodeName, then: @escaping Action) {
    let startedAt = clock(node)
    let isApart = !isCalm && numbers.chance(20)
    let nodes = machines[node]?.instance?.nodesToLookAt
    call(from: node, { $0.store }) { world, first in
      guard let first = first?.view(startedAt: startedAt, of: nodes) else { return then(&world) }
      guard isApart else { return world.input(node, { $0.onLook(first, now: $1) }, then: then) }
      world.call(from: node, { $0.store }) { world, second in
        guard var view = second?.view(startedAt: startedAt) else { return then(&world) }
        view.beats = first.beats
        world.input(node, { $0.onLook(view, now: $1) }, then: then)
      }
    }
  }

  private mutating func land(_ transition: Transition, from node: NodeName) -> TransitionOutcome {
    let outcome = store.make(transition)
    guard outcome == .done else { return outcome }
    journalsDone[transition.service] = 0
    claims += 1
    note("\(node) is \(transition.ownership.state) with epoch \(transition.ownership.epoch)")
    if transition.plan.because.contains("missed") {
      expectNobodyElse(serves: transition.service, than: node, "claims")
    }
    return outcome
  }

  private mutating func withdraw(_ service: ServiceName, on node: NodeName, because: String) {
    machines[node]?.withdrawn.insert(service)
    guard machines[node]?.withdrawing.insert(service).inserted == true else { return }
    note("\(node) withdraws \(service): \(because)")
    let longest = trueTime(timings.stopTime, on: node)
    schedule(after: numbers.number(0...longest), for: node) { world in
      world.machines[node]?.withdrawing.remove(service)
      world.machines[node]?.holds.remove(service)
    }
  }

  // MARK: - Plans

  private mutating func resume(_ service: ServiceName, epoch: UInt64, fromStart: Bool, on node: NodeName) {
    guard machines[node]?.instance?.ownerBytes(of: service, epoch: epoch) != nil else { return }
    call(from: node, { ($0.store.journals[service], $0.journalsDone[service] ?? 0) }) { world, journal in
      guard let (plan, done) = journal else {
        let pause = world.trueTime(world.timings.interval, on: node)
        return world.schedule(after: pause, for: node) {
          $0.resume(service, epoch: epoch, fromStart: fromStart, on: node)
        }
      }
      guard let plan, plan.epoch == epoch else {
        return world.input(node, { $0.onNoJournal(service, now: $1) })
      }
      guard world.machines[node]?.instance?.ownerBytes(of: service, epoch: epoch) != nil else { return }
      world.start(plan, done: fromStart ? 0 : done, on: node)
    }
  }

  private mutating func start(_ plan: Plan, done: Int, on node: NodeName) {
    guard let service = ServiceName(plan.service) else { return }
    let token = nextPlanToken()
    machines[node]?.plans[service] = (plan, done, token)
    note("\(node) runs \(plan.kind) of \(service) from step \(done)")
    step(service, token, on: node, PlanProgress(plan: plan, done: done))
  }

  private func runs(_ token: Int, _ service: ServiceName, on node: NodeName) -> Bool {
    machines[node]?.plans[service]?.token == token
  }

  /// Every step reads the owner key first, acts, and is journaled under the epoch.
  private mutating func step(
    _ service: ServiceName, _ token: Int, on node: NodeName, _ progress: PlanProgress
  ) {
    guard runs(token, service, on: node) else { return }
    if machines[node]?.withdrawing.contains(service) == true {
      return schedule(after: 10_000, for: node) { $0.step(service, token, on: node, progress) }
    }
    let plan = progress.plan
    call(from: node, { $0.store.owners[service] }) { world, owner in
      guard world.runs(token, service, on: node) else { return }
      guard let owner else { return world.retry(service, token, on: node, progress) }
      let ownership = owner.flatMap(Ownership.init(bytes:))
      guard ownership?.node == node, ownership?.epoch == plan.epoch else {
        world.input(node, { $0.onOwnerKey(service, owner, now: $1) })
        return world.end(service, token, on: node, .lost)
      }
      guard let next = progress.next, next.kind != .finish else {
        return world.finish(service, token, on: node, progress)
      }
      let length = next.isSkipped ? 0 : world.numbers.number(0...world.isCalmFactor)
      world.schedule(after: length, for: node) { world in
        guard world.runs(token, service, on: node) else { return }
        if !next.isSkipped, !world.isCalm, world.numbers.chance(8) {
          return world.retry(service, token, on: node, progress, isItsOwn: true)
        }
        if !next.isSkipped { world.act(next.kind, plan, service, on: node) }
        var after = progress
        after.onStepDone()
        let guardBytes = world.machines[node]?.instance?.ownerBytes(of: service, epoch: plan.epoch)
        world.call(
          from: node,
          { world in
            guard let guardBytes, world.store.owners[service] == guardBytes else { return false }
            if plan.kind != .resumption { world.journalsDone[service] = after.done }
            if next.kind == .fence, !next.isSkipped { world.store.forgetUnfenced(service) }
            return true
          }
        ) { world, isJournaled in
          world.step(service, token, on: node, isJournaled == true ? after : progress)
        }
      }
    }
  }

  private var isCalmFactor: Int { isCalm ? 50_000 : 600_000 }

  private mutating func retry(
    _ service: ServiceName, _ token: Int, on node: NodeName, _ progress: PlanProgress, isItsOwn: Bool = false
  ) {
    var failed = progress
    switch failed.onStepFailed() {
    case .giveUp: end(service, token, on: node, .gaveUp("it failed"))
    case .retry(let delay):
      let (failures, own) = (failed.failures, clock(node))
      if isItsOwn, let step = failed.next?.kind,
        machines[node]?.instance?.onStepFailed(service, step, failures: failures, now: own) == true
      {
        return end(service, token, on: node, .handOn("\(step) failed"))
      }
      schedule(after: trueTime(delay, on: node), for: node) { $0.step(service, token, on: node, failed) }
    }
  }

  private mutating func act(
    _ step: PlanStep.Kind, _ plan: Plan, _ service: ServiceName, on node: NodeName
  ) {
    switch (plan.kind, step) {
    case (_, .fence):
      for old in store.ownership(service)?.unfenced ?? [] where old != node { powerOff(old) }
    case (.release, .address):
      machines[node]?.holds.remove(service)
    case (_, .address):
      machines[node]?.holds.insert(service)
      expectNobodyElse(serves: service, than: node, "takes the address of")
    default: break
    }
  }

  private mutating func finish(
    _ service: ServiceName, _ token: Int, on node: NodeName, _ progress: PlanProgress
  ) {
    let plan = progress.plan
    let guardBytes = machines[node]?.instance?.ownerBytes(of: service, epoch: plan.epoch)
    let boot = machines[node].map { "\(node)-\($0.boot)" }
    call(
      from: node,
      { world -> Ownership? in
        guard let guardBytes, world.store.owners[service] == guardBytes else { return nil }
        return world.store.finish(plan, boot: boot)
      }
    ) { world, finished in
      guard world.runs(token, service, on: node) else { return }
      guard let ownership = finished ?? nil else { return world.retry(service, token, on: node, progress) }
      if plan.kind == .adoption || plan.kind == .opening { world.machines[node]?.withdrawn.remove(service) }
      world.end(service, token, on: node, .done(ownership))
    }
  }

  private mutating func end(_ service: ServiceName, _ token: Int, on node: NodeName, _ outcome: PlanOutcome) {
    guard runs(token, service, on: node) else { return }
    machines[node]?.plans[service] = nil
    note("\(node) ends a plan of \(service): \(outcome)")
    input(node, { $0.onPlanEnded(service, outcome, now: $1) })
  }
}
