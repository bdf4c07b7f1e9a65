import Cluster
import Logging
import NodeHost
import SharedStore
import StatusMonitor

/// Runs one plan: every step under the epoch, every end of a step journaled before the next begins.
///
/// What each step does stands in the extensions; each may be run again from its start.
struct PlanRunner: Sendable {
  /// What a runner needs from the daemon.
  struct Context: Sendable {
    var node: NodeName
    var boot: String
    var store: any SharedStore
    /// The time limit of one call to the store.
    var limit: Duration
    /// Where the status monitor that serves the service keeps its records.
    var directory: StatusDirectory
    /// This node's own, which is the same unless the service is isolated.
    var nodeDirectory: StatusDirectory
    /// The NFS server that only the service has, if it is isolated.
    var ownServer: ServiceServer?
    /// Where the service lives, if it is isolated.
    var namespace: ServiceNamespace? { ownServer?.namespace }
    /// Private status directories of services live below this.
    var stateDirectory: String
    var mirror: MirrorShell
    var notifications: NotificationBoard
    /// What becomes of the clients' locks.
    var recoveries: RecoveryBook
    /// Of this node's NFS server.
    var ownClients: OwnClients
    /// This node's NFS server, to be restarted.
    var serverTurn: ServerTurn
    /// What of it a restart has stopped.
    var interrupted: InterruptedRestart
    /// Makes the stored numbers of those services at least this one.
    var raiseOthers: @Sendable (ServiceName, StateNumber) async throws -> Void
    /// The names of the services besides this one that this node's NFS server serves, or is about to.
    var otherNames: @Sendable (ServiceName) async -> [String]
    /// This adoption has restarted this node's NFS server, and tells its clients this number.
    var onOwnRestart: @Sendable (ServiceName, StateNumber) async -> Void
    /// How the addresses of services are taken.
    var addressing: AddressConfiguration
    /// Of the lock manager, from its start.
    var gracePeriod: Duration
    /// `beats.stop_time`
    var stopTime: Duration
    /// For what goes on after a step has ended.
    var jobs: JobQueue
    /// The owner key's bytes while this node holds the epoch.
    var ownerBytes: MirrorShell.OwnerBytes
    /// The store's own word on the owner key was read.
    var onOwnerSeen: @Sendable (ServiceName, [UInt8]?) async -> Void
    /// A grace period runs of which nobody was told yet, and so much of it is left.
    var onGrace: @Sendable (ServiceName, Duration) async -> Void
    /// Clients are about to be told, or there is none: false where too little of the grace period is left.
    var onTelling: @Sendable (_ service: ServiceName, _ anybody: Bool) async -> Bool
    /// The running step, for `lockferry status`.
    var onProgress: @Sendable (ServiceName, NodeStatus.Plan) async -> Void
    /// A step was run, how long that took, and whether it failed.
    var onStepRun: @Sendable (Plan.Kind, PlanStep.Kind, _ took: Duration, _ failed: Bool) async -> Void
    /// A step has failed on this machine, so many times one after the other: true where another candidate shall try.
    var onStepFailed: @Sendable (ServiceName, PlanStep.Kind, Int) async -> Bool
    var log: Logger
  }

  let context: Context
  let service: ServiceConfiguration
  private(set) var journal: PlanJournal
  private var progress: PlanProgress

  init(_ context: Context, service: ServiceConfiguration, journal: PlanJournal) {
    self.context = context
    self.service = service
    self.journal = journal
    progress = PlanProgress(plan: journal.plan, done: journal.done)
  }

  var plan: Plan { journal.plan }
  var epoch: UInt64 { journal.plan.epoch }

  /// Runs what is left, until the end, the loss of the epoch, or the cancellation of the task.
  mutating func run() async -> PlanOutcome {
    var problem: String?
    while let step = progress.next {
      if Task.isCancelled { return .stopped }
      await report(step, problem: problem)
      if let untold = untoldGrace { await context.onGrace(service.name, untold) }
      let began = BootClock.now
      do {
        guard try await holdsEpoch() else { return .lost }
        if step.kind == .finish {
          guard let ownership = try await finish(outcome: "done", problem: nil) else { return .lost }
          return .done(ownership)
        }
        try await run(step)
        if !step.isSkipped { await context.onStepRun(plan.kind, step.kind, BootClock.now - began, false) }
        problem = nil
        progress.onStepDone()
      } catch {
        if Task.isCancelled { return .stopped }
        if let over = error as? GraceOver { return .beginAnew(over.description) }
        await context.onStepRun(plan.kind, step.kind, BootClock.now - began, true)
        problem = "\(error)"
        context.log.error(
          "a step has failed",
          metadata: [
            "service": "\(service.name)", "plan": "\(plan.kind.rawValue)", "step": "\(step.kind.rawValue)",
            "error": "\(error)",
          ])
        switch progress.onStepFailed() {
        case .retry(let delay):
          await report(step, problem: problem)
          if !Self.isNobodysFaultHere(error),
            await context.onStepFailed(service.name, step.kind, progress.failures)
          {
            await recordFailure(step, "\(error)")
            return .handOn("\(step.kind.rawValue): \(error)")
          }
          guard (try? await Task.sleep(for: delay)) != nil else { return .stopped }
        case .giveUp:
          await recordFailure(step, "\(error)")
          return .gaveUp("\(step.kind.rawValue): \(error)")
        }
      }
    }
    return .stopped
  }

  /// Runs one step and journals it.
  private mutating func run(_ step: PlanStep) async throws {
    let startedAt = journal.elapsed(boot: context.boot)
    let start = BootClock.now
    var after = journal
    var writes: [StoreTransaction.Write] = []
    if step.kind == .storage { try await expectAddressesFree() }
    let detail = step.isSkipped ? step.why : try await perform(step.kind, &after, &writes)
    let took = (BootClock.now - start).wholeMilliseconds
    after.noteStep(step, detail, startedAt: startedAt, milliseconds: took)
    context.log.notice(
      step.isSkipped ? "step skipped" : "step done",
      metadata: [
        "service": "\(service.name)", "plan": "\(plan.kind.rawValue)", "step": "\(step.kind.rawValue)",
        "detail": "\(detail)", "ms": "\(took)",
      ])
    if plan.kind != .resumption, !step.isSkipped {
      let bytes = try StoreJSON.bytes(after)
      try await write(writes + [.init(try ClusterKeys.plan(service.name), bytes)])
      let ownerKey = try ClusterKeys.owner(service.name)
      for write in writes where write.key == ownerKey {
        await context.onOwnerSeen(service.name, write.value)
      }
    }
    journal = after
  }

  /// Does the step's work; `writes` go into the transaction that journals it.
  private func perform(
    _ kind: PlanStep.Kind, _ journal: inout PlanJournal, _ writes: inout [StoreTransaction.Write]
  ) async throws -> String {
    switch (plan.kind, kind) {
    case (_, .fence): try await fence(&writes)
    case (.release, .storage): try await detachStorage()
    case (_, .storage): try await attachStorage()
    case (.release, .namespace): try await removeNamespace()
    case (_, .namespace): try await makeNamespace()
    case (_, .records): try await installRecords()
    case (_, .state): try await chooseStateNumber(&journal)
    case (.release, .server): try await withdrawServer()
    case (.opening, .server): try await openServer(&journal)
    case (_, .server): try await recoverServer(&journal)
    case (.release, .address): try await releaseAddress()
    case (_, .address): try await takeAddress()
    case (_, .notify): try await notifyClients(&journal)
    case (_, .verify): try await verify()
    case (_, .inventory): try await takeInventory(&writes)
    case (_, .mirror): try await finishMirror()
    case (_, .forget): try await forgetClients()
    case (_, .finish): throw PlanError("the end of a plan is not a step of its own")
    }
  }

  /// The store's word, asked for before every step: a paused machine that goes on in the middle of a plan must
  /// learn that its epoch is gone before it touches the world.
  func holdsEpoch() async throws -> Bool {
    let bytes = try await context.store.read(try ClusterKeys.owner(service.name), within: context.limit)
    let ownership = bytes.flatMap(Ownership.init(bytes:))
    if let seen = ownership?.epoch, seen < epoch {
      // Epochs only grow, and this node has written its own: the store's file system shows a cached value.
      throw PlanError(
        "services/\(service.name)/owner shows epoch \(seen), and this node has claimed \(epoch): the store's mount "
          + "caches (see store_staleness); looking again")
    }
    guard ownership?.node == context.node, ownership?.epoch == epoch else {
      await context.onOwnerSeen(service.name, bytes)
      return false
    }
    return true
  }

  /// Writes under the epoch.
  func write(_ writes: [StoreTransaction.Write], comparing: [StoreTransaction.Comparison] = []) async throws {
    guard let owner = await context.ownerBytes(service.name, epoch) else {
      throw PlanError("this node does not hold epoch \(epoch) of \(service.name) now")
    }
    let outcome = try await context.store.commit(
      StoreTransaction(
        comparisons: [.init(try ClusterKeys.owner(service.name), equals: owner)] + comparing, writes: writes),
      within: context.limit)
    if case .conflict(let key, _) = outcome {
      throw PlanError("\(key) has changed in the store; looking again")
    }
  }

  /// What the store does, or a machine that has the address: another node would fare no better.
  private static func isNobodysFaultHere(_ error: any Error) -> Bool {
    error is StoreError || (error as? NodeHostError)?.code == .duplicate
  }

  private func report(_ step: PlanStep, problem: String?) async {
    await context.onProgress(
      service.name,
      NodeStatus.Plan(
        kind: plan.kind.rawValue, step: step.kind.rawValue, done: progress.done, steps: plan.steps.count,
        problem: problem))
  }
}

extension PlanRunner {
  /// Hands over: the new owner state, the history and the end of journal and request are one transaction.
  ///
  /// - Returns: nil where the epoch is gone.
  func finish(outcome: String, problem: String?) async throws -> Ownership? {
    guard let owner = await context.ownerBytes(service.name, epoch),
      var ownership = Ownership(bytes: owner)
    else { return nil }
    if plan.kind == .resumption { return ownership }
    ownership.state = plan.outcome
    ownership.reservedFor = plan.kind == .release ? plan.to.flatMap(NodeName.init) : nil
    if plan.outcome == .online { (ownership.unfenced, ownership.tried) = ([], []) }
    // A plan that a reboot interrupted has brought everything up under this boot.
    ownership.boot = context.boot
    var writes: [StoreTransaction.Write] = [
      .init(try ClusterKeys.owner(service.name), ownership.bytes),
      .init(try ClusterKeys.plan(service.name), nil),
    ]
    if plan.kind == .adoption, journal.toldBy == nil,
      await context.notifications.clients(service.name, epoch: epoch) == nil
    {
      // The daemon that began to tell them is gone, and the step is behind.
      _ = try await goOnNotifying()
    }
    var comparisons: [StoreTransaction.Comparison] = []
    var answeredRequest: String?
    let requestsKey = try ClusterKeys.requests(service.name)
    let bytes = try await context.store.read(requestsKey, within: context.limit)
    if var queue = bytes.flatMap(RequestQueue.init(bytes:)), let answered = queue.answered(by: plan),
      queue.remove(answered.id)
    {
      answeredRequest = answered.id
      comparisons.append(.init(requestsKey, equals: bytes))
      writes.append(.init(requestsKey, queue.bytes))
    }
    if plan.kind == .adoption {
      try await goOnWithRecovery()
      await context.recoveries.settle(service.name, epoch: epoch)
    }
    let past = try await history()
    writes += try HistoryEntries.abandon(
      past.entries.filter { $0.epoch != Int(clamping: epoch) }, of: service.name)
    // Who has the service next tells the same clients again, and knows what becomes of them.
    writes += try HistoryEntries.abandonRecoveries(
      past.entries, of: service.name,
      because: "the service moved on: the entry of that move tells the rest")
    let entry = try await newEntry(
      number: past.last + 1, outcome: outcome, problem: problem, answers: answeredRequest, &writes)
    comparisons.append(.init(try ClusterKeys.history(service.name, number: entry.number), equals: nil))
    try await write(writes, comparing: comparisons)
    if plan.kind == .adoption {
      await context.notifications.keep(entry, service.name, epoch: epoch)
      await context.recoveries.keep(entry.number, entry.recovery, service.name, epoch: epoch)
    }
    return ownership
  }

  /// Leaves a plan that gave up in the history.
  private func recordFailure(_ step: PlanStep, _ problem: String) async {
    do {
      var writes: [StoreTransaction.Write] = []
      let entry = try await newEntry(
        number: try await history().last + 1, outcome: "failed", problem: "\(step.kind.rawValue): \(problem)",
        &writes)
      try await write(
        writes,
        comparing: [.init(try ClusterKeys.history(service.name, number: entry.number), equals: nil)])
    } catch {
      context.log.error(
        "a failed plan is missing from the history",
        metadata: ["service": "\(service.name)", "error": "\(error)"])
    }
  }

  /// The plan's entry, whose clients are in the store already; `writes` get the rest.
  private func newEntry(
    number: Int, outcome: String, problem: String?, answers request: String? = nil,
    _ writes: inout [StoreTransaction.Write]
  ) async throws -> HistoryEntry {
    var entry = journal.entry(
      number: number, outcome: outcome, problem: problem, milliseconds: journal.elapsed(boot: context.boot))
    if let request { entry.request = request }
    let names = await context.notifications.names(service.name, epoch: epoch)
    entry.names = names?.isEmpty == true ? nil : names
    var clients: [HistoryEntry.Client] = []
    if plan.kind != .release {
      clients = await context.recoveries.annotate(try await self.clients(), service.name, epoch: epoch)
    }
    if plan.kind == .adoption {
      entry.recovery =
        await context.recoveries.recovery(service.name, epoch: epoch) ?? .unknown(of: clients.count)
    }
    writes += try await HistoryLedger.write(clients, of: &entry, service.name, in: context.store) {
      try await write([$0])
    }
    writes.append(
      .init(try ClusterKeys.history(service.name, number: entry.number), try StoreJSON.bytes(entry)))
    return entry
  }

  /// Runs an operator's command for the service.
  func command(_ command: CommandConfiguration, _ step: String, _ extra: [String: String] = [:]) async throws
  {
    var environment = [
      "LOCKFERRY_SERVICE": service.name.text, "LOCKFERRY_NODE": context.node.text,
      "LOCKFERRY_EPOCH": String(epoch), "LOCKFERRY_STEP": step,
      "LOCKFERRY_FORMER_OWNER": plan.from ?? "", "LOCKFERRY_NAMES": service.names.joined(separator: " "),
      "LOCKFERRY_ADDRESS": service.addresses.first ?? "",
      "LOCKFERRY_ADDRESSES": service.addresses.joined(separator: " "),
    ]
    environment.merge(extra) { _, new in new }
    let outcome = await HostCommand.run(command.arguments, environment: environment, within: command.timeout)
    guard outcome.succeeded else {
      throw PlanError("\(command.arguments.joined(separator: " ")): \(outcome.explanation)")
    }
  }
}

extension CommandOutcome {
  /// How it ended, with the end of what it printed.
  var explanation: String {
    let printed = output.split(separator: "\n").suffix(3).joined(separator: " / ")
    return printed.isEmpty ? description : "\(description), saying: \(printed)"
  }
}
