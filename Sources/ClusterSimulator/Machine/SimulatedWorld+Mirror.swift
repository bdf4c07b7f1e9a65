import Cluster
import StatusMonitor

/// From the status directory to the store, as `MirrorShell` does it around the real ``MirrorInstance``.
extension SimulatedWorld {
  /// A batch waits longer than a beat does.
  private var batchLimit: Duration { max(timings.storeTimeout, .seconds(3)) }

  mutating func beginMirror(_ service: ServiceName, epoch: UInt64, planIsRunning: Bool, on node: NodeName) {
    guard machines[node]?.mirrors[service]?.epoch != epoch else { return }
    endMirror(service, on: node)
    let isFresh = machines[node]?.claimed.removeValue(forKey: service) == epoch
    machines[node]?.mirrors[service] = SimulatedMirror(
      epoch: epoch, isFresh: isFresh, isPlanRunning: planIsRunning)
    loadMirror(service, epoch: epoch, on: node)
  }

  mutating func endMirror(_ service: ServiceName, on node: NodeName) {
    guard let mirror = machines[node]?.mirrors.removeValue(forKey: service) else { return }
    for flush in mirror.flushes { flush(&self) }
    for ticket in mirror.tickets.keys.sorted() {
      if let open = mirror.tickets[ticket] { endCallout(open.wait, on: node) }
    }
  }

  private mutating func loadMirror(_ service: ServiceName, epoch: UInt64, on node: NodeName) {
    guard let mirror = machines[node]?.mirrors[service], mirror.epoch == epoch else { return }
    guard !mirror.isFresh, !timings.has(.strayBatchMayLand) else {
      return readRecords(service, epoch: epoch, on: node)
    }
    write([], service, epoch: epoch, renewsOwner: true, on: node) { world, end in
      if end == .done { return world.readRecords(service, epoch: epoch, on: node) }
      world.schedule(after: 1_000_000, for: node) { $0.loadMirror(service, epoch: epoch, on: node) }
    }
  }

  private mutating func readRecords(_ service: ServiceName, epoch: UInt64, on node: NodeName) {
    call(from: node, .read, within: batchLimit, { $0.seen(by: node).records[service] ?? [:] }) {
      world, records in
      guard let mirror = world.machines[node]?.mirrors[service], mirror.epoch == epoch else { return }
      guard let records else {
        return world.schedule(after: 1_000_000, for: node) { $0.loadMirror(service, epoch: epoch, on: node) }
      }
      world.machines[node]?.mirrors[service]?.instance = MirrorInstance(
        timings: world.shape.mirror, stored: records)
      let isUp = world.machines[node]?.mirrorKnowsServerUp == true
      world.apply(service, on: node) { $0.onLockManager(isUp: isUp, now: $1) }
      if world.machines[node]?.mirrorKnowsGrace == true {
        world.apply(service, on: node) { $0.onGracePeriod(isRunning: true, now: $1) }
      }
      if mirror.isPlanRunning { world.apply(service, on: node) { $0.onPlan(isRunning: true, now: $1) } }
      world.rescan(node)
    }
  }

  mutating func tellMirror(_ service: ServiceName, planIsRunning: Bool, on node: NodeName) {
    machines[node]?.mirrors[service]?.isPlanRunning = planIsRunning
    apply(service, on: node) { $0.onPlan(isRunning: planIsRunning, now: $1) }
  }

  mutating func tellMirrors(_ node: NodeName, serverIsUp: Bool) {
    guard machines[node]?.mirrorKnowsServerUp != serverIsUp else { return }
    machines[node]?.mirrorKnowsServerUp = serverIsUp
    applyToAll(node) { $0.onLockManager(isUp: serverIsUp, now: $1) }
  }

  mutating func tellMirrors(_ node: NodeName, graceRuns: Bool) {
    guard machines[node]?.mirrorKnowsGrace != graceRuns else { return }
    machines[node]?.mirrorKnowsGrace = graceRuns
    applyToAll(node) { $0.onGracePeriod(isRunning: graceRuns, now: $1) }
  }

  mutating func thaw(_ service: ServiceName, on node: NodeName) {
    apply(service, on: node) { $0.onThaw(now: $1) }
  }

  // MARK: - The directory

  mutating func rescanPeriodically(_ node: NodeName) {
    rescan(node)
    schedule(after: trueTime(shape.mirror.rescan, on: node), for: node) { $0.rescanPeriodically(node) }
  }

  mutating func rescan(_ node: NodeName) {
    guard let machine = machines[node], !machine.mirrors.isEmpty else { return }
    guard machine.statusDirectory.isThere else { return applyToAll(node) { $0.onDirectoryGone(now: $1) } }
    let files = machine.statusDirectory.files
    applyToAll(node) { $0.onScan(files, now: $1) }
    takeUnknownRetired(node)
    for service in machine.mirrors.keys.sorted() { raiseStoredNumber(service, on: node) }
  }

  private mutating func lookFor(
    _ clients: Set<ClientName>, _ service: ServiceName, epoch: UInt64, on node: NodeName
  ) {
    guard machines[node]?.mirrors[service]?.epoch == epoch, let directory = machines[node]?.statusDirectory
    else { return }
    guard directory.isThere else { return apply(service, on: node) { $0.onUnseen(clients, now: $1) } }
    for client in clients.sorted() {
      guard let record = directory.files[client] else { continue }
      apply(service, on: node) { $0.onWritten(client, record, now: $1) }
    }
    let absent = clients.filter { directory.files[$0] == nil }
    apply(service, on: node) { $0.onAbsent(absent, now: $1) }
  }

  mutating func takeHint(_ client: ClientName, wasRemoved: Bool, on node: NodeName) {
    guard let directory = machines[node]?.statusDirectory, directory.isThere else { return }
    if let record = directory.files[client] {
      applyToAll(node) { $0.onWritten(client, record, now: $1) }
    } else if wasRemoved {
      applyToAll(node) { $0.onRemoved([client], now: $1) }
    }
  }

  mutating func announceLeaving(_ client: ClientName, on node: NodeName) {
    guard let machine = machines[node], machine.instance != nil,
      machine.daemonFrozenUntil <= now, machine.mirrors.values.allSatisfy({ $0.instance?.hasScanned == true })
    else { return }
    applyToAll(node) { $0.onLeaving([client], now: $1) }
  }

  /// statd's callout has come: its client waits until the record is durable for every service of this node.
  mutating func callOut(
    _ client: ClientName, _ record: [UInt8], _ registration: Int, _ wait: Int, on node: NodeName
  ) {
    guard let mirrors = machines[node]?.mirrors, !mirrors.isEmpty,
      mirrors.values.allSatisfy({ $0.instance != nil })
    else { return endCallout(wait, on: node) }
    ledger.openTickets[wait] = mirrors.count
    for service in mirrors.keys.sorted() {
      let ticket = UInt64(nextNumber())
      machines[node]?.mirrors[service]?.tickets[ticket] = .init(
        wait: wait, client: client, registration: registration)
      apply(service, on: node) { $0.onCallout(ticket, client, record, now: $1) }
    }
  }

  // MARK: - Directives

  mutating func applyToAll(
    _ node: NodeName, _ body: (inout MirrorInstance, BootInstant) -> [MirrorDirective]
  ) {
    for service in (machines[node]?.mirrors ?? [:]).keys.sorted() { apply(service, on: node, body) }
  }

  private mutating func apply(
    _ service: ServiceName, on node: NodeName,
    _ body: (inout MirrorInstance, BootInstant) -> [MirrorDirective]
  ) {
    guard let mirror = machines[node]?.mirrors[service], var instance = mirror.instance else { return }
    machines[node]?.mirrors[service]?.instance = nil
    let directives = body(&instance, clock(node))
    let isSettled = instance.isSettled
    machines[node]?.mirrors[service]?.instance = instance
    for directive in directives {
      switch directive {
      case .commit(let batch): commit(batch, service, epoch: mirror.epoch, on: node)
      case .wake(let moment):
        let epoch = mirror.epoch
        let delay = trueTime(max(moment - clock(node), .zero), on: node) + 1
        schedule(after: delay, for: node) { world in
          guard world.machines[node]?.mirrors[service]?.epoch == epoch else { return }
          world.apply(service, on: node) { $0.onTimer(now: $1) }
        }
      case .lookFor(let clients):
        let epoch = mirror.epoch
        schedule(after: 1_000, for: node) { $0.lookFor(clients, service, epoch: epoch, on: node) }
      case .answer(let ticket, let verdict): answer(ticket, verdict, service, on: node)
      }
    }
    guard isSettled, let flushes = machines[node]?.mirrors[service]?.flushes, !flushes.isEmpty else { return }
    machines[node]?.mirrors[service]?.flushes = []
    for flush in flushes { flush(&self) }
  }

  private mutating func answer(
    _ ticket: UInt64, _ verdict: CalloutVerdict, _ service: ServiceName, on node: NodeName
  ) {
    guard let open = machines[node]?.mirrors[service]?.tickets.removeValue(forKey: ticket) else { return }
    if verdict == .durable { checkIsStored(open.registration, of: open.client, service, on: node) }
    let left = (ledger.openTickets[open.wait] ?? 1) - 1
    ledger.openTickets[open.wait] = left == 0 ? nil : left
    if left == 0 { endCallout(open.wait, on: node) }
  }

  private mutating func commit(_ batch: MirrorBatch, _ service: ServiceName, epoch: UInt64, on node: NodeName)
  {
    write(batch.changes, service, epoch: epoch, renewsOwner: batch.renewsOwner, on: node) { world, end in
      guard world.machines[node]?.mirrors[service]?.epoch == epoch else { return }
      world.apply(service, on: node) {
        end == .done
          ? $0.onCommitted(batch.number, now: $1)
          : $0.onCommitFailed(
            batch.number, because: "no answer", mayLand: end == .unknown, retryAfter: .milliseconds(500),
            now: $1)
      }
    }
  }

  private enum WriteEnd { case done, refused, unknown }

  /// Under the epoch, and the owner key anew where that is wanted.
  private mutating func write(
    _ changes: [MirrorBatch.Change], _ service: ServiceName, epoch: UInt64, renewsOwner: Bool,
    on node: NodeName, then: @escaping (inout SimulatedWorld, WriteEnd) -> Void
  ) {
    guard let owner = machines[node]?.instance?.ownerBytes(of: service, epoch: epoch) else {
      return schedule(after: 1, for: node) { then(&$0, .refused) }
    }
    write(changes, service, owner: owner, renewsOwner: renewsOwner, tries: 4, on: node, then: then)
  }

  private mutating func write(
    _ changes: [MirrorBatch.Change], _ service: ServiceName, owner: [UInt8], renewsOwner: Bool, tries: Int,
    on node: NodeName, then: @escaping (inout SimulatedWorld, WriteEnd) -> Void
  ) {
    guard tries > 0 else { return then(&self, .refused) }
    let renewed = renewsOwner ? Ownership(bytes: owner)?.renewed.bytes : nil
    let sentAt = now
    call(
      from: node, .write, within: batchLimit,
      { $0.land(changes, service, owner: owner, renewed: renewed, sentAt: sentAt, from: node) }
    ) { world, landing in
      switch landing {
      case nil: then(&world, .unknown)
      case .stored:
        if let renewed {
          world.machines[node]?.instance?.onOwnerRenewed(service, from: owner, to: renewed)
        }
        then(&world, .done)
      case .conflict(let found):
        // A plan of this node's own writes the key as well.
        guard let found, Ownership(bytes: found)?.isSameTenure(as: Ownership(bytes: owner)) == true else {
          return then(&world, .refused)
        }
        world.write(
          changes, service, owner: found, renewsOwner: renewsOwner, tries: tries - 1, on: node, then: then)
      }
    }
  }

  private enum Landing {
    case stored
    case conflict([UInt8]?)
  }

  private mutating func land(
    _ changes: [MirrorBatch.Change], _ service: ServiceName, owner: [UInt8], renewed: [UInt8]?, sentAt: Int,
    from node: NodeName
  ) -> Landing {
    guard store.owners[service] == owner || timings.has(.mirrorComparesNoOwner) else {
      return .conflict(store.owners[service])
    }
    if let ownership = renewed.flatMap(Ownership.init(bytes:)) {
      let before = store.ownership(service)
      store.set(service, ownership)
      ownerChanged(service, from: before)
    }
    for change in changes {
      if let record = change.record {
        recordReturns(record, change.client, service, sentAt: sentAt, from: node)
      } else {
        recordLeaves(change.client, service, sentAt: sentAt, from: node)
      }
      store.records[service, default: [:]][change.client] = change.record
    }
    return .stored
  }

  /// The host's own number has been told to clients at its reboots: the service's must not fall behind it.
  private mutating func raiseStoredNumber(_ service: ServiceName, on node: NodeName) {
    guard let machine = machines[node], let mirror = machine.mirrors[service] else { return }
    let (local, epoch) = (machine.statusDirectory.number, mirror.epoch)
    if let stored = mirror.storedNumber, stored >= local { return }
    guard let guardBytes = machine.instance?.ownerBytes(of: service, epoch: epoch) else { return }
    call(
      from: node, .write,
      { world -> Int32? in
        guard world.store.owners[service] == guardBytes else { return nil }
        let highest = max(world.store.stateNumbers[service] ?? 0, local)
        world.store.stateNumbers[service] = highest
        return highest
      }
    ) { world, written in
      guard world.machines[node]?.mirrors[service]?.epoch == epoch, let written = written ?? nil else {
        return
      }
      world.machines[node]?.mirrors[service]?.storedNumber = written
    }
  }

  // MARK: - A release

  mutating func flushMirror(
    _ run: PlanRun, on node: NodeName, then: @escaping (inout SimulatedWorld, PlanRun?) -> Void
  ) {
    rescan(node)
    let isDone: Action = { world in
      let clock = world.clock(node)
      let report = world.machines[node]?.mirrors[run.service]?.instance?.report(now: clock)
      then(&world, report.map { $0.mirrored == $0.seen } == true ? run : nil)
    }
    if machines[node]?.mirrors[run.service]?.instance?.isSettled == true { return isDone(&self) }
    guard machines[node]?.mirrors[run.service] != nil else { return then(&self, nil) }
    machines[node]?.mirrors[run.service]?.flushes.append(isDone)
  }
}
