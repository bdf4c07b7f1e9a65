import Cluster
import Logging
import NodeHost
import SharedStore

/// What each directive does.
extension NodeShell {
  func carryOut(_ directives: [NodeDirective]) async {
    // What must stop is begun first: the other directives may wait for somebody.
    for case .withdraw(let service, let because) in directives { withdraw(service, because: because) }
    for directive in directives { await carryOut(directive) }
  }

  private func carryOut(_ directive: NodeDirective) async {
    switch directive {
    case .renew(let renewal):
      let sentAt = BootInstant.now
      let outcome = await send(renewal, within: configuration.beats.storeTimeout)
      tellOfBeats(outcome)
      if outcome == .renewed { await feedSelfFence(renewedAt: sentAt) }
      await carryOut(instance.onRenewal(outcome, of: renewal, sentAt: sentAt, now: .now))
    case .look:
      if let view = await look() { await carryOut(instance.onLook(view, now: .now)) }
      tellOfStranded()
    case .transition(let transition):
      guard !isStopping else { return }
      await make(transition)
    case .run(let plan):
      start(PlanJournal(plan: plan, boot: boot))
    case .resumePlan(let service, let epoch, let fromStart):
      jobs.start { await self.resume(service, epoch: epoch, fromStart: fromStart) }
    case .stopPlan(let service):
      running[service]?.stop.stop()
      running[service] = nil
      planStatus[service] = nil
      await mirrors?.of(service).end(service)
      await notifications.stop(service)
      await recoveries.stop(service)
    case .withdraw:
      break
    case .endRequest(let end):
      await self.end(end)
    case .askWitness(let service, let owner):
      askWitness(service, of: owner)
    case .placeBid(let placement):
      await place(placement)
    case .withdrawBid(let service, let epoch):
      jobs.start { await self.withdrawBid(service, epoch: epoch) }
    case .refuse(let problem):
      log.critical("\(problem)")
      onRefusal(.nameTaken, problem)
    case .note(let text):
      log.warning("\(text)")
    }
  }

  // MARK: - Beats

  func send(_ renewal: Renewal, within limit: Duration) async -> RenewalOutcome {
    do {
      let beatKey = try ClusterKeys.beat(configuration.node)
      var comparisons = [StoreTransaction.Comparison(beatKey, equals: renewal.expectedBeat)]
      for (service, bytes) in renewal.owners {
        comparisons.append(.init(try ClusterKeys.owner(service), equals: bytes))
      }
      let outcome = try await store.commit(
        StoreTransaction(
          comparisons: comparisons, writes: [.init(beatKey, renewal.beat)], durability: .visible),
        within: limit)
      switch outcome {
      case .committed: return .renewed
      case .conflict(beatKey, let actual): return .foreignBeat(actual: actual)
      case .conflict(let key, let actual):
        guard let service = key.components.dropFirst().first.flatMap(ServiceName.init) else {
          return .failed("unexpected conflict at \(key)")
        }
        return .ownerChanged(service, actual: actual)
      }
    } catch {
      return .failed("\(error)")
    }
  }

  private func tellOfBeats(_ outcome: RenewalOutcome) {
    switch outcome {
    case .failed(let problem):
      if toldBeatProblem == nil {
        log.warning("beats do not reach the store", metadata: ["error": "\(problem)"])
      }
      toldBeatProblem = problem
    case .renewed:
      if toldBeatProblem != nil { log.notice("beats reach the store again") }
      toldBeatProblem = nil
    case .foreignBeat, .ownerChanged:
      break
    }
  }

  /// One look at everything that decides, in one call; nil where the store did not show all of it in time. What nodes
  /// and others say of health comes with it.
  private func look() async -> NodeView? {
    var view = NodeView(startedAt: .now)
    do {
      var beats: [NodeName: StoreKey] = [:]
      for node in ask({ $0.nodesToLookAt }) { beats[node] = try ClusterKeys.beat(node) }
      var drains: [NodeName: StoreKey] = [:]
      for node in ask({ $0.peerNames }) + [configuration.node] { drains[node] = try ClusterKeys.drain(node) }
      var services: [(name: ServiceName, owner: StoreKey, requests: StoreKey)] = []
      for name in configuration.services.map(\.name) {
        services.append((name, try ClusterKeys.owner(name), try ClusterKeys.requests(name)))
      }
      let pause = try ClusterKeys.pause()
      let bids = try bidKeys()
      var eligibility: [NodeName: StoreKey] = [:]
      for node in drains.keys { eligibility[node] = try ClusterKeys.eligibility(node) }
      let reports = try ClusterKeys.reports()
      let keys =
        Array(beats.values) + Array(drains.values) + services.flatMap { [$0.owner, $0.requests] } + [pause]
        + bids.map(\.key)
      let sight = try await store.look(
        at: keys, aside: Array(eligibility.values), below: [reports],
        within: configuration.beats.storeTimeout)
      let values = sight.values
      for (node, key) in beats { view.beats[node] = values[key] }
      for (node, key) in drains { view.drains[node] = values[key] }
      for (name, owner, requests) in services {
        view.owners[name] = values[owner]
        view.requests[name] = values[requests]
      }
      view.pause = values[pause]
      for (service, node, key) in bids { view.bids[service, default: [:]][node] = values[key] }
      if lookProblem != nil { log.notice("the store can be read again") }
      lookProblem = nil
      for (node, key) in eligibility { onEligibility(of: node, values[key]) }
      if let found = sight.below[reports] { onReports(found) }
      return view
    } catch {
      if lookProblem == nil {
        log.warning(
          "the store could not be looked at in time; this node decides nothing meanwhile",
          metadata: ["error": "\(error)"])
      }
      lookProblem = error.message
      return nil
    }
  }

  // MARK: - Ownership

  private func make(_ transition: Transition) async {
    var journal = PlanJournal(plan: transition.plan, boot: boot)
    let sentAt = BootClock.now
    let outcome: TransitionOutcome
    do {
      var comparisons = [
        StoreTransaction.Comparison(try ClusterKeys.owner(transition.service), equals: transition.expected)
      ]
      if let silent = transition.silentBeat {
        comparisons.append(.init(try ClusterKeys.beat(silent.node), equals: silent.bytes))
      }
      if let requests = transition.requests {
        comparisons.append(.init(try ClusterKeys.requests(transition.service), equals: requests))
      }
      if transition.unlessPaused { comparisons.append(.init(try ClusterKeys.pause(), equals: nil)) }
      if transition.unlessDrained {
        comparisons.append(.init(try ClusterKeys.drain(configuration.node), equals: nil))
      }
      let bids = transition.removesBids ? try bidKeys(of: transition) : []
      if transition.plan.kind == .adoption || transition.plan.kind == .opening {
        // The claim commits with the step that names it, so its own duration is not yet known: it is filled in
        // with the next step's journal.
        journal.steps = [Self.claimStep(transition, milliseconds: 0)]
      }
      switch try await store.commit(
        StoreTransaction(
          comparisons: comparisons,
          writes: [
            .init(try ClusterKeys.owner(transition.service), transition.ownership.bytes),
            .init(try ClusterKeys.plan(transition.service), try StoreJSON.bytes(journal)),
          ] + bids.map { .init($0, nil) }),
        within: configuration.beats.storeTimeout)
      {
      case .committed: outcome = .done
      case .conflict: outcome = .conflict
      }
    } catch {
      outcome = .failed("\(error)")
    }
    if !journal.steps.isEmpty {
      journal.steps = [Self.claimStep(transition, milliseconds: (BootClock.now - sentAt).wholeMilliseconds)]
    }
    log.notice(
      "ownership",
      metadata: [
        "service": "\(transition.service)", "to": "\(transition.ownership.state.rawValue)",
        "epoch": "\(transition.ownership.epoch)", "because": "\(transition.plan.because)",
        "outcome": "\(outcome)",
      ])
    if outcome == .done, transition.ownership.state == .adopting {
      await mirrors?.of(transition.service).onClaimed(
        transition.service, epoch: transition.ownership.epoch)
    }
    // The plan that is started here is the journal's, claim included.
    for directive in instance.onTransition(transition, outcome, now: .now) {
      if case .run = directive { start(journal) } else { await carryOut(directive) }
    }
  }

  private static func claimStep(_ transition: Transition, milliseconds: Int) -> HistoryEntry.Step {
    HistoryEntry.Step(
      step: "claim", detail: "epoch \(transition.ownership.epoch): \(transition.plan.because)", state: "done",
      startedAtMilliseconds: 0, milliseconds: milliseconds)
  }

  private func newRun(_ service: ServiceName, epoch: UInt64) -> PlanRun {
    lastRun += 1
    let run = PlanRun(epoch: epoch, number: lastRun, stop: StopSignal())
    running[service]?.stop.stop()
    running[service] = run
    return run
  }

  private func resume(_ service: ServiceName, epoch: UInt64, fromStart: Bool) async {
    let run = newRun(service, epoch: epoch)
    while !Task.isCancelled, running[service]?.number == run.number {
      do {
        let bytes = try await store.read(
          try ClusterKeys.plan(service), within: configuration.beats.storeTimeout)
        guard var journal = bytes.flatMap({ StoreJSON.value(PlanJournal.self, $0) }),
          journal.plan.epoch == epoch
        else {
          return await carryOut(instance.onNoJournal(service, now: .now))
        }
        if fromStart {
          // What was done does not hold any more, and a client that lost its reclaim needs a new number.
          journal.done = 0
          journal.stateNumber = nil
          journal.steps = journal.steps.filter { $0.step == "claim" }
        }
        log.notice(
          "a plan goes on",
          metadata: [
            "service": "\(service)", "plan": "\(journal.plan.kind.rawValue)", "done": "\(journal.done)",
          ])
        return start(journal)
      } catch {
        try? await clock.sleep(for: configuration.beats.interval)
      }
    }
  }

  // MARK: - Plans

  private func start(_ journal: PlanJournal) {
    guard let name = ServiceName(journal.plan.service),
      let service = configuration.services.first(where: { $0.name == name }),
      let mirror = mirrors?.of(name)
    else { return }
    let epoch = journal.plan.epoch
    let run = newRun(name, epoch: epoch)
    let context = PlanRunner.Context(
      node: configuration.node, boot: boot, store: store,
      limit: configuration.beats.storeTimeout, directory: statusDirectory(of: name), nodeDirectory: directory,
      ownServer: configuration.server(of: service),
      stateDirectory: configuration.stateDirectory, mirror: mirror, notifications: notifications,
      recoveries: recoveries,
      ownClients: ownClients, serverTurn: serverTurn,
      interrupted: InterruptedRestart(runDirectory: configuration.runDirectory),
      raiseOthers: { try await self.raiseNumbers(besides: $0, to: $1) },
      otherNames: { await self.namesServed(besides: $0) },
      onOwnRestart: { await self.onOwnRestart(by: $0, $1) },
      addressing: configuration.addresses, gracePeriod: configuration.mirror.gracePeriod,
      stopTime: configuration.beats.stopTime, jobs: jobs,
      ownerBytes: { await self.ownerBytes($0, $1) }, onOwnerSeen: { await self.onOwnerSeen($0, $1) },
      onGrace: { await self.onGrace($0, left: $1) }, onTelling: { await self.onTelling($0, anybody: $1) },
      onProgress: { await self.onProgress($0, $1) },
      onStepRun: { await self.onStepRun($0, $1, took: $2, failed: $3) },
      onStepFailed: { await self.onStepFailed($0, $1, failures: $2) }, log: log)
    jobs.start {
      await self.waitForRoom(name)
      await self.noteBroughtUp(name, by: journal.plan.kind)
      await run.stop.whileNotStopped {
        await self.waitUntilFenced()
        // An adoption's mirror begins when the records are merged into the directory, see its step.
        let recordsAreMerged = journal.steps.contains { $0.step == "records" }
        // Of what nobody serves here nothing is mirrored.
        let hasMirror =
          journal.plan.kind == .adoption
          ? recordsAreMerged : !journal.plan.steps.contains { $0.kind == .mirror && $0.isSkipped }
        if hasMirror, journal.plan.kind != .closing {
          await mirror.begin(name, epoch: epoch, planIsRunning: journal.plan.kind != .resumption)
        }
        await mirror.onPlan(name, isRunning: journal.plan.kind != .resumption)
        var runner = PlanRunner(context, service: service, journal: journal)
        let outcome = await runner.run()
        await self.planEnded(name, run, journal.plan.kind, outcome)
      }
      await self.leaveRoom(name)
    }
  }

  /// Before anything of it stands here. A daemon that can't write this serves all the same: the address tells as well.
  private func noteBroughtUp(_ service: ServiceName, by kind: Plan.Kind) async {
    guard [.adoption, .opening, .resumption].contains(kind) else { return }
    let marks = marks
    do {
      try await OwnThread.run("lf-mark") { try marks.put(.broughtUp, service) }
    } catch {
      log.warning(
        "that the service is here could not be noted; make room in run_directory",
        metadata: ["service": "\(service)", "error": "\(error)"])
    }
  }

  /// One plan at a time touches a service, and none while the service is being given up: a plan that was told to
  /// stop may still be ending a step.
  private func waitForRoom(_ service: ServiceName) async {
    while busy.contains(service) || withdrawals.contains(service) || restarting.contains(service) {
      guard (try? await clock.sleep(for: .milliseconds(10))) != nil else { break }
    }
    busy.insert(service)
  }

  private func leaveRoom(_ service: ServiceName) { busy.remove(service) }

  private func planEnded(
    _ service: ServiceName, _ run: PlanRun, _ kind: Plan.Kind, _ outcome: PlanOutcome
  ) async {
    // A daemon that ends leaves its plan to the next one.
    guard !isStopping, running[service]?.number == run.number else { return }
    planStatus[service] = nil
    planCounts.onEnd(kind, outcome)
    log.notice(
      "a plan has ended",
      metadata: ["service": "\(service)", "plan": "\(kind.rawValue)", "outcome": "\(outcome)"])
    let directives = instance.onPlanEnded(service, outcome, now: .now)
    if case .done(let ownership) = outcome {
      marks.remove(.givenUp, service)
      if ownership.state != .online { marks.remove(.broughtUp, service) }
    }
    if case .done(let ownership) = outcome, ownership.state == .online {
      if kind != .resumption { await mirrors?.of(service).onPlan(service, isRunning: false) }
    } else {
      running[service] = nil
      await mirrors?.of(service).end(service)
      await notifications.stop(service)
      await recoveries.stop(service)
    }
    await carryOut(directives)
  }
}
