import Cluster
import StatusMonitor

/// Plans, step by step, as `PlanRunner` runs them.
extension SimulatedWorld {
  mutating func resume(_ service: ServiceName, epoch: UInt64, fromStart: Bool, on node: NodeName) {
    guard machines[node]?.instance?.ownerBytes(of: service, epoch: epoch) != nil else { return }
    call(
      from: node, .read,
      { world in
        let store = world.seen(by: node)
        return (store.journals[service], store.journalsDone[service] ?? 0, store.journalsNumber[service])
      }
    ) { world, journal in
      guard let (plan, done, number) = journal else {
        let pause = world.trueTime(world.timings.interval, on: node)
        return world.schedule(after: pause, for: node) {
          $0.resume(service, epoch: epoch, fromStart: fromStart, on: node)
        }
      }
      guard let plan, plan.epoch == epoch else {
        return world.input(node, { $0.onNoJournal(service, now: $1) })
      }
      guard world.machines[node]?.instance?.ownerBytes(of: service, epoch: epoch) != nil else { return }
      // What was done does not hold any more, and a client that lost its reclaim needs a new number.
      world.start(plan, done: fromStart ? 0 : done, stateNumber: fromStart ? nil : number, on: node)
    }
  }

  mutating func start(_ plan: Plan, done: Int, stateNumber: Int32?, on node: NodeName) {
    guard let service = ServiceName(plan.service) else { return }
    let token = nextNumber()
    machines[node]?.plans[service] = (plan, done, token)
    note("\(node) runs \(plan.kind) of \(service), epoch \(plan.epoch), from step \(done)")
    chronicle?.begin(plan, done: done, at: now)
    // An adoption's mirror begins when the records are merged into the directory, see its step.
    let recordsAreMerged = plan.steps.prefix(done).contains { $0.kind == .records }
    if plan.kind != .closing, plan.kind != .adoption || recordsAreMerged {
      beginMirror(service, epoch: plan.epoch, planIsRunning: plan.kind != .resumption, on: node)
    }
    tellMirror(service, planIsRunning: plan.kind != .resumption, on: node)
    step(
      PlanRun(
        service: service, token: token, progress: PlanProgress(plan: plan, done: done), number: stateNumber),
      on: node)
  }

  struct PlanRun {
    var service: ServiceName
    var token: Int
    var progress: PlanProgress
    /// The state number that it chose.
    var number: Int32?
    /// The step was too late: what comes before it must be done again.
    var mustBeginAnew = false
    var plan: Plan { progress.plan }
  }

  func runs(_ run: PlanRun, on node: NodeName) -> Bool {
    machines[node]?.plans[run.service]?.token == run.token
  }

  /// Every step reads the owner key first, acts, and is journaled under the epoch.
  private mutating func step(_ run: PlanRun, on node: NodeName) {
    guard runs(run, on: node) else { return }
    let service = run.service
    chronicle?.stepBegins(service, at: now)
    if machines[node]?.withdrawing.contains(service) == true {
      return schedule(after: 10_000, for: node) { $0.step(run, on: node) }
    }
    watchGrace(run, on: node)
    let plan = run.plan
    call(from: node, .read, { $0.seen(by: node).owners[service] }) { world, owner in
      guard world.runs(run, on: node) else { return }
      guard let owner else { return world.retry(run, on: node) }
      let ownership = owner.flatMap(Ownership.init(bytes:))
      // A cache shows an older value than this node has written.
      if let seen = ownership?.epoch, seen < plan.epoch { return world.retry(run, on: node) }
      guard ownership?.node == node && ownership?.epoch == plan.epoch || world.timings.has(.deposedPlanGoesOn)
      else {
        world.input(node, { $0.onOwnerKey(service, owner, now: $1) })
        return world.end(run, on: node, .lost)
      }
      guard let next = run.progress.next, next.kind != .finish else { return world.finish(run, on: node) }
      guard !next.isSkipped else {
        var after = run
        after.progress.onStepDone()
        world.chronicle?.stepEnds(service, next, "skipped", number: nil, at: world.now)
        world.passOver(next.kind, run, on: node)
        return world.step(after, on: node)
      }
      let length = world.machines[node]?.numbers.number(0...50_000) ?? 0
      world.schedule(after: length, for: node) { world in
        guard world.runs(run, on: node) else { return }
        if let left = world.machines[node]?.failingSteps[next.kind], left > 0 {
          world.machines[node]?.failingSteps[next.kind] = left - 1
          world.note("\(node): step \(next.kind) of \(service) fails")
          world.chronicle?.stepEnds(service, next, "failed", number: nil, at: world.now)
          return world.retry(run, on: node, isItsOwn: true)
        }
        world.perform(next.kind, run, on: node) { world, after in
          guard world.runs(run, on: node) else { return }
          guard let after else { return world.retry(run, on: node) }
          if after.mustBeginAnew { return world.end(after, on: node, .beginAnew("the grace period is over")) }
          world.journal(next.kind, after, on: node)
        }
      }
    }
  }

  /// As long as nobody is told of the grace period that the plan has begun.
  private mutating func watchGrace(_ run: PlanRun, on node: NodeName) {
    let steps = run.plan.steps.prefix(run.progress.done)
    guard run.plan.kind == .adoption, steps.contains(where: { $0.kind == .server }),
      !steps.contains(where: { $0.kind == .notify })
    else { return }
    let now = clock(node)
    let ends = machines[node]?.lockManagers[run.service]?.graceEnds ?? now
    machines[node]?.instance?.onGrace(
      run.service, left: max(ends - now, .zero), of: shape.mirror.gracePeriod, now: now)
  }

  private mutating func journal(_ kind: PlanStep.Kind, _ run: PlanRun, on node: NodeName) {
    let (service, plan) = (run.service, run.plan)
    note("\(node): step \(kind) of \(service) is done")
    if kind == .mirror { checkIsMirrored(service, on: node) }
    if let step = run.progress.next {
      chronicle?.stepEnds(service, step, "done", number: run.number, at: now)
    }
    var after = run
    after.progress.onStepDone()
    machines[node]?.instance?.onStepDone(service)
    guard plan.kind != .resumption else { return step(after, on: node) }
    let guardBytes = machines[node]?.instance?.ownerBytes(of: service, epoch: plan.epoch)
    call(
      from: node, .write,
      { world -> [UInt8]? in
        guard let guardBytes, world.store.owners[service] == guardBytes else { return nil }
        world.store.journalsDone[service] = after.progress.done
        world.store.journalsNumber[service] = after.number
        if kind == .fence { world.store.forgetUnfenced(service) }
        return world.store.owners[service]
      }
    ) { world, written in
      guard world.runs(run, on: node) else { return }
      guard let written = written ?? nil else { return world.retry(run, on: node) }
      if kind == .fence { world.input(node) { $0.onOwnerKey(service, written, now: $1) } }
      world.step(after, on: node)
    }
  }

  /// - Parameter isItsOwn: the step failed, and not the store.
  private mutating func retry(_ run: PlanRun, on node: NodeName, isItsOwn: Bool = false) {
    var failed = run
    if timings.has(.failedStepIsPassed), run.plan.kind == .adoption, run.progress.next?.kind != .finish {
      failed.progress.onStepDone()
      return step(failed, on: node)
    }
    switch failed.progress.onStepFailed() {
    case .giveUp: end(run, on: node, .gaveUp("it failed"))
    case .retry(let delay):
      let (failures, own) = (failed.progress.failures, clock(node))
      if isItsOwn, let step = failed.progress.next?.kind,
        machines[node]?.instance?.onStepFailed(run.service, step, failures: failures, now: own) == true
      {
        return end(run, on: node, .handOn("\(step) failed"))
      }
      schedule(after: trueTime(delay, on: node), for: node) { $0.step(failed, on: node) }
    }
  }

  // MARK: - What each step does

  private typealias StepEnd = (inout SimulatedWorld, PlanRun?) -> Void

  private mutating func perform(
    _ step: PlanStep.Kind, _ run: PlanRun, on node: NodeName, then: @escaping StepEnd
  ) {
    let service = run.service
    switch (run.plan.kind, step) {
    case (_, .fence):
      guard machines[node]?.fenceFails != true else { return then(&self, nil) }
      for old in store.ownership(service)?.unfenced ?? [] where old != node { powerOff(old) }
    case (_, .records): return installRecords(run, on: node, then: then)
    case (_, .state): return chooseStateNumber(run, on: node, then: then)
    case (.release, .server): stopLockManager(service, on: node)
    case (.opening, .server):
      // Whoever holds locks here already must not lose them to a restart.
      if machines[node]?.statusDirectory.files.isEmpty == false {
        ensureLockManager(service, on: node)
      } else {
        restartLockManager(service, on: node)
      }
    case (_, .server): restartLockManager(service, on: node)
    case (.release, .address):
      machines[node]?.addresses[service] = nil
    case (_, .address):
      takeAddress(service, on: node)
    case (_, .mirror) where !timings.has(.releaseSkipsMirror): return flushMirror(run, on: node, then: then)
    case (_, .notify): return notifyClients(run, on: node, then: then)
    case (_, .verify):
      guard machines[node]?.holds(service) == true else { return then(&self, nil) }
    // The kernel lab shows what becomes of an inventory: simulated services keep none.
    case (_, .storage), (_, .namespace), (_, .finish), (_, .mirror), (_, .forget), (_, .inventory): break
    }
    then(&self, run)
  }

  /// What lockferry leaves to somebody else happens all the same: the address moves, the server enters its grace period.
  private mutating func passOver(_ step: PlanStep.Kind, _ run: PlanRun, on node: NodeName) {
    guard let definition = services.first(where: { $0.name == run.service }) else { return }
    switch (run.plan.kind, step) {
    case (.release, .address): if !definition.movesAddress { machines[node]?.addresses[run.service] = nil }
    case (_, .address): if !definition.movesAddress { takeAddress(run.service, on: node) }
    case (.adoption, .server): if !definition.recoversServer { restartLockManager(run.service, on: node) }
    default: break
    }
  }

  private mutating func takeAddress(_ service: ServiceName, on node: NodeName) {
    // Announced anew: clients go where it was announced last.
    machines[node]?.addresses[service] = now
    ensureLockManager(service, on: node)
    expectNobodyElse(serves: service, than: node, "takes the address of")
    checkHolders(of: service)
  }

  private mutating func installRecords(_ run: PlanRun, on node: NodeName, then: @escaping StepEnd) {
    call(from: node, .read, { $0.seen(by: node).records[run.service] ?? [:] }) { world, records in
      guard world.runs(run, on: node), let records else { return then(&world, nil) }
      for (client, bytes) in records.sorted(by: { $0.key < $1.key }) {
        let live = world.machines[node]?.statusDirectory.files[client]
        let merged =
          live.map { MonitorRecord(parsing: $0).merged(with: MonitorRecord(parsing: bytes)).bytes } ?? bytes
        if merged != live { world.writeRecord(client, merged, on: node) }
      }
      world.beginMirror(run.service, epoch: run.plan.epoch, planIsRunning: true, on: node)
      then(&world, run)
    }
  }

  private mutating func chooseStateNumber(_ run: PlanRun, on node: NodeName, then: @escaping StepEnd) {
    let service = run.service
    call(from: node, .read, { $0.seen(by: node).stateNumbers }) { world, numbers in
      guard world.runs(run, on: node), let numbers else { return then(&world, nil) }
      let local = world.machines[node]?.statusDirectory.number
      let seen = [world.timings.has(.numberIgnoresStore) ? nil : numbers[service], local].compactMap {
        $0.flatMap(StateNumber.init)
      }
      guard var next = NotificationAttempt.new(above: seen).number?.value else { return then(&world, nil) }
      if world.timings.has(.numberStays), let last = numbers[service] { next = last }
      let guardBytes = world.machines[node]?.instance?.ownerBytes(of: service, epoch: run.plan.epoch)
      world.call(
        from: node, .write,
        { world -> Bool in
          guard let guardBytes, world.store.owners[service] == guardBytes,
            world.store.stateNumbers[service] == numbers[service]
          else { return false }
          world.store.stateNumbers[service] = next
          return true
        }
      ) { world, isDurable in
        guard world.runs(run, on: node), isDurable == true || world.timings.has(.numberIsToldFirst) else {
          return then(&world, nil)
        }
        let local = world.machines[node]?.statusDirectory.number ?? 1
        world.machines[node]?.statusDirectory.number = max(local, next)
        var after = run
        after.number = next
        then(&world, after)
      }
    }
  }

  // MARK: - The end

  private mutating func finish(_ run: PlanRun, on node: NodeName) {
    let (plan, service) = (run.plan, run.service)
    let guardBytes = machines[node]?.instance?.ownerBytes(of: service, epoch: plan.epoch)
    let boot = machines[node].map { "\(node)-\($0.boot)" }
    call(
      from: node, .write,
      { world -> Ownership? in
        guard let guardBytes, world.store.owners[service] == guardBytes else { return nil }
        let before = world.store.ownership(service)
        let finished = world.store.finish(plan, boot: boot)
        world.ownerChanged(service, from: before)
        return finished
      }
    ) { world, finished in
      guard world.runs(run, on: node) else { return }
      guard let ownership = finished ?? nil else { return world.retry(run, on: node) }
      world.machines[node]?.withdrawn.remove(service)
      world.end(run, on: node, .done(ownership))
    }
  }

  private mutating func end(_ run: PlanRun, on node: NodeName, _ outcome: PlanOutcome) {
    guard runs(run, on: node) else { return }
    let service = run.service
    machines[node]?.plans[service] = nil
    note("\(node) ends \(run.plan.kind) of \(service): \(outcome.text)")
    chronicle?.end(service, outcome, at: now)
    if case .done(let ownership) = outcome, ownership.state == .online {
      if run.plan.kind != .resumption { tellMirror(service, planIsRunning: false, on: node) }
    } else {
      endMirror(service, on: node)
      machines[node]?.notifying[service] = nil
    }
    input(node, { $0.onPlanEnded(service, outcome, now: $1) })
  }
}
