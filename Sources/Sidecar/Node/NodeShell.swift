import Cluster
import Logging
import NodeHost
import RPCTransport
import SharedStore
import StatusMonitor

/// Interprets what the node's brain directs: the only place where ``NodeInstance`` meets store and machine.
///
/// Decisions are made without a pause on this actor; what takes time runs between two decisions, and reports
/// back as the next input.
actor NodeShell {
  /// Between two ticks of a start.
  private static let startPause = Duration.milliseconds(50)
  /// After so long a start waits for something, and ticks as always.
  private static let startLimit = Duration.seconds(2)

  let configuration: NodeConfiguration
  let store: ObservedStore
  let log: Logger
  let jobs: JobQueue
  let clock: any Clock<Duration>
  let healthRounds: HealthRounds
  let notifications: NotificationBoard
  let recoveries: RecoveryBook
  let ownClients: OwnClients
  let serverTurn = ServerTurn()
  let directory: StatusDirectory
  let boot: String
  let definitions: PeerDefinitions
  let onRefusal: @Sendable (SidecarError.Code, String) -> Void
  /// The machine's watchdog; nil where the node file names none.
  let selfFenceDevice: SelfFenceDevice?
  var selfFence: SelfFence?

  var instance: NodeInstance
  var judge: HealthJudge
  let server: ServerWatch
  /// Where a service is served by NFS-Ganesha.
  var ganesha: GaneshaWatch?
  /// Of each isolated service's own server.
  let ownServers: [ServiceName: ServerWatch]
  /// What tells a start of them, or of this node's own, that no plan has asked for.
  var restarts: ServerRestarts
  /// What an earlier daemon had stopped may have to be started, and its clients told.
  var isFinishingRestart: Bool
  /// What clients of this node's own exports were told when that was finished, and when.
  var finishedRestart: (number: StateNumber, at: BootInstant)?
  let marks: ServiceMarks
  var mirrors: Mirrors?
  /// One run of a plan: an old run that is still ending must not be taken for a new one of the same epoch.
  struct PlanRun {
    var epoch: UInt64
    var number: UInt64
    var stop: StopSignal
  }

  var running: [ServiceName: PlanRun] = [:]
  var lastRun: UInt64 = 0
  var planStatus: [ServiceName: NodeStatus.Plan] = [:]
  var planCounts = PlanCounts()
  /// Services that are being given up.
  var withdrawals: Set<ServiceName> = []
  /// Of which that is not written down yet.
  var unwritten: Set<ServiceName> = []
  /// By when each of them has to be gone.
  var withdrawalsDue: [ServiceName: BootInstant] = [:]
  /// Isolated services whose programs are being looked after.
  var restarting: Set<ServiceName> = []
  /// Services whose plan has not ended its last step.
  var busy: Set<ServiceName> = []
  var lastTick: BootInstant
  /// What was logged last of the store, so that an outage is told once and not twice a second.
  var toldBeatProblem: String?
  /// The watched daemons after the last round.
  var watched: [NodeStatus.Watched] = []
  /// What is held and was logged, and why.
  var toldHeld: [ServiceName: String] = [:]
  /// What this node says of itself for the choice, and as the store shall hold it.
  var eligibility: (value: Eligibility, bytes: [UInt8])?
  var isSayingEligibility = false
  var isRemovingReports = false
  /// Services whose alarm was raised, and why.
  var toldStranded: [ServiceName: String] = [:]
  /// Why the last look failed.
  var lookProblem: String?
  let startedAt: BootInstant
  var isStopping = false

  init(
    configuration: NodeConfiguration, instance: DaemonInstance, boot: String, store: ObservedStore,
    directory: StatusDirectory, notifications: NotificationBoard, recoveries: RecoveryBook,
    ownClients: OwnClients, jobs: JobQueue, thread: ThreadExecutor,
    selfFence: SelfFenceDevice?, log: Logger,
    onRefusal: @escaping @Sendable (SidecarError.Code, String) -> Void
  ) {
    self.configuration = configuration
    self.store = store
    self.log = log
    self.jobs = jobs
    clock = thread.clock
    server = ServerWatch(on: thread)
    self.notifications = notifications
    self.recoveries = recoveries
    self.ownClients = ownClients
    self.directory = directory
    self.boot = boot
    self.onRefusal = onRefusal
    selfFenceDevice = selfFence
    self.selfFence = selfFence.map {
      SelfFence(timings: configuration.beats, isArmed: $0.wasArmed)
    }
    healthRounds = HealthRounds(probes: configuration.health.probes, place: CallPlace(thread))
    let namespaces = configuration.services.compactMap { service in
      configuration.namespace(of: service).map { (service.name, $0) }
    }
    ganesha = configuration.services.contains(where: \.usesGanesha) ? GaneshaWatch() : nil
    isFinishingRestart = InterruptedRestart(runDirectory: configuration.runDirectory).part == .server
    restarts = ServerRestarts(
      configuration.services.map(\.servedForRestarts), gracePeriod: configuration.mirror.gracePeriod)
    ownServers = Dictionary(uniqueKeysWithValues: namespaces.map { ($0, ServerWatch(on: thread, in: $1)) })
    judge = HealthJudge(
      probes: configuration.health.probes.count + namespaces.count, limit: configuration.health.failures)
    definitions = PeerDefinitions(configuration: configuration, store: store)
    marks = ServiceMarks(runDirectory: configuration.runDirectory)
    startedAt = .now
    lastTick = .now
    self.instance = NodeInstance(
      settings: NodeInstance.Settings(
        node: configuration.node, instance: instance, boot: boot, timings: configuration.beats,
        staleness: configuration.storeStaleness, services: configuration.services.map(\.coreDefinition),
        withdrawn: marks.marked(.givenUp, configuration.services.map(\.name)),
        adoption: configuration.adoption.policy),
      now: startedAt)
    _ = self.instance.onHealth(judge.verdict, now: startedAt)
  }

  /// The mirror asks this node for the guard of its writes, so it comes second.
  func connect(_ mirrors: Mirrors) async {
    self.mirrors = mirrors
    await notifications.connect(
      revise: { await self.revise($0, $1, $2, epoch: $3) }, publish: { await self.publish($0, $1, epoch: $2) }
    )
    await recoveries.connect { await self.reviseRecovery($0, $1, epoch: $2, clients: $3) }
    instance.onStanding(await standingHere())
    askServers()
    await tellMirrorsOfServers()
  }

  /// No service names another node.
  nonisolated var isAlone: Bool {
    configuration.services.allSatisfy { $0.candidates.allSatisfy { $0 == configuration.node } }
  }

  /// Beats, watches and decides until the task is cancelled.
  func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask { await self.beat() }
      group.addTask { await self.watchLease() }
      group.addTask { await self.probe() }
      group.addTask { await self.compareDefinitions() }
      group.addTask { await self.check() }
      group.addTask { await self.watchLoad() }
      group.addTask { await self.watchDaemons() }
    }
  }

  /// Says goodbye: the others wait longer before they take a stopped daemon for a dead node.
  func sayGoodbye() async {
    isStopping = true
    guard var last = instance.onStop() else { return }
    let limit = min(configuration.beats.storeTimeout, .milliseconds(300))
    let outcome = await send(last, within: limit)
    if outcome == .renewed { return await leaveSelfFence() }
    guard case .foreignBeat(let actual) = outcome else { return }
    // The beat that was under way came first; a stranger's is left alone.
    guard let beat = actual.flatMap(Beat.init(bytes:)), beat.instance == Beat(bytes: last.beat)?.instance
    else { return }
    last.expectedBeat = actual
    if await send(last, within: limit) == .renewed { await leaveSelfFence() }
  }

  // MARK: - Loops

  private func beat() async {
    var due = BootInstant.now
    while !Task.isCancelled {
      lastTick = .now
      await carryOut(instance.onTick(now: lastTick))
      await tendSelfFence()
      // From when this one was due: what comes at the same pace then shares its wake-ups. Not after a machine's sleep.
      if lastTick - due > configuration.beats.interval { due = lastTick }
      due = max(due + pause(after: due), .now)
      let rest = due - .now
      if rest > .zero { try? await clock.sleep(for: rest) } else { await Task.yield() }
    }
  }

  /// A start takes several ticks one after the other: the store is seen, the name is found free, the first beat
  /// is written. Clients wait meanwhile, so these don't wait for the interval.
  private func pause(after tick: BootInstant) -> Duration {
    let interval = configuration.beats.interval
    let now = BootInstant.now
    let isStarting = !ask { $0.hasBeaten } && now - startedAt < Self.startLimit
    if isStarting { return min(interval, Self.startPause) }
    // A turn in a vote does not wait for the next tick.
    guard let turn = ask({ $0.nextTurn }), turn > now else { return interval }
    return min(interval, turn - tick)
  }

  /// Runs beside ``beat()``, which may be waiting for the store at the moment when the lease ends.
  private func watchLease() async {
    while !Task.isCancelled {
      let now = BootInstant.now
      if let due = ask({ $0.giveUpAt }), due <= now {
        await carryOut(instance.onLeaseWatch(now: now))
      }
      // A lease that is held is only ever renewed; the limit is for machines whose clocks stand still in their sleep.
      let interval = configuration.beats.interval
      let untilDue = ask { $0.giveUpAt }.map { min($0 - BootInstant.now, interval * 2) } ?? interval
      // Where nothing is due soon, together with a beat.
      await rest(max(untilDue, .milliseconds(1)), early: untilDue < interval * 2 ? .zero : interval)
    }
  }

  private func probe() async {
    while !Task.isCancelled {
      let began = BootInstant.now
      askServers()
      if !configuration.health.probes.isEmpty || !ownServers.isEmpty {
        async let isolated = askOwnServers()
        judge.onRound(await healthRounds.ask() + isolated)
        if Task.isCancelled { return }
        let before = ask { $0.whyUnable(now: .now) }
        await carryOut(instance.onHealth(judge.verdict, now: .now))
        let after = ask { $0.whyUnable(now: .now) }
        if before != after {
          log.notice(
            after.isEmpty ? "this node is well" : "this node can serve nothing",
            metadata: after.isEmpty ? [:] : ["because": "\(after.joined(separator: "; "))"])
        }
      }
      await tellMirrorsOfServers()
      let rest = configuration.health.interval - (BootInstant.now - began)
      // With a beat, where one comes in a time as long as from one to the next.
      let early = configuration.health.interval / 4
      let late = max(configuration.beats.interval - early, .zero)
      await self.rest(max(rest, .milliseconds(10)), early: early, late: late <= early ? late : .zero)
    }
  }

  /// What the kernel says of its servers is wanted at the end of a round.
  private func askServers() {
    if ganesha == nil { server.ask() }
    for own in ownServers.values { own.ask() }
  }

  private func tellMirrorsOfServers() async {
    if ganesha == nil {
      let facts = server.facts(noOlderThan: configuration.health.interval * 5)
      let isUp = judge.verdict == .healthy && facts != nil && facts?.found.threads != 0
      await mirrors?.shared.onLockManager(isUp: isUp)
      // A kernel that does not answer has not said that it is over.
      if let facts {
        await mirrors?.shared.onGracePeriod(isRunning: facts.found.graceEnded == false)
        await onServer(facts.found, asked: facts.asked)
      }
    } else {
      await tellMirrorOfGanesha()
    }
    for (service, own) in ownServers {
      let facts = own.facts(noOlderThan: configuration.health.interval * 5)
      await mirrors?.own[service]?.onLockManager(
        isUp: facts?.found.isServing == true && judge.verdict == .healthy)
      if let facts {
        await mirrors?.own[service]?.onGracePeriod(isRunning: facts.found.graceEnded == false)
        await onOwnServer(service, facts.found, asked: facts.asked)
      }
    }
  }

  private func compareDefinitions() async {
    while !Task.isCancelled {
      for (peer, differences) in await definitions.exchange(peers: ask { $0.peerNames }) {
        instance.onDefinitions(of: peer, disagreements: differences)
      }
      await rest(max(configuration.beats.interval * 4, .seconds(2)), early: configuration.beats.interval)
    }
  }

  /// Sleeps for `limit`, or by up to `early` less or `late` more: so that one wake-up, mostly a beat's, serves several.
  private func rest(_ limit: Duration, early: Duration, late: Duration = .zero) async {
    try? await clock.sleep(for: max(limit - early, .zero), tolerance: min(early, limit) + late)
  }

  /// What the brain answers. A plain `instance.…` in a task copies all of it first, several times a second.
  func ask<Answer>(_ question: (inout NodeInstance) -> Answer) -> Answer { question(&instance) }

  // MARK: - Answers for others

  /// The owner key's bytes while this node holds `epoch` of `service`.
  func ownerBytes(_ service: ServiceName, _ epoch: UInt64) -> [UInt8]? {
    instance.ownerBytes(of: service, epoch: epoch)
  }

  /// The mirror has written the owner key anew.
  func onOwnerRenewed(_ service: ServiceName, from before: [UInt8], to after: [UInt8]) {
    instance.onOwnerRenewed(service, from: before, to: after)
  }

  /// A plan read the owner key and found it changed.
  func onOwnerSeen(_ service: ServiceName, _ bytes: [UInt8]?) async {
    await carryOut(instance.onOwnerKey(service, bytes, now: .now))
  }

  /// The grace period that a plan has begun waits for its clients to be told.
  func onGrace(_ service: ServiceName, left: Duration) {
    instance.onGrace(service, left: left, of: configuration.mirror.gracePeriod, now: .now)
  }

  /// A plan is about to tell its clients.
  func onTelling(_ service: ServiceName, anybody: Bool) -> Bool {
    instance.onTelling(service, anybody: anybody, now: .now)
  }

  func onStepRun(_ plan: Plan.Kind, _ step: PlanStep.Kind, took: Duration, failed: Bool) {
    planCounts.onStep(plan, step, took: took, failed: failed)
  }

  func onProgress(_ service: ServiceName, _ plan: NodeStatus.Plan) {
    planStatus[service] = plan
    if plan.problem == nil { instance.onStepDone(service) }
  }
}

extension ServiceConfiguration {
  /// What the core needs to know.
  var coreDefinition: ServiceDefinition {
    ServiceDefinition(
      name: name, home: home, candidates: candidates, hasFence: fence != .none,
      attachesStorage: attachStorage != nil, detachesStorage: detachStorage != nil,
      recoversServer: serverRecovery != nil, tellsWithoutGrace: tellsWithoutGrace,
      withdrawsServer: serverWithdrawal != nil || isolation != nil || !storageMounts.isEmpty,
      isIsolated: isolation != nil, listsLocks: !storageMounts.isEmpty, movesAddress: address != nil,
      hasChecks: isChecked, failback: failback, election: election, priority: priority)
  }
}
