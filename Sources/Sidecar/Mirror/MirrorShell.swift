import Cluster
import Logging
import NodeHost
import SharedStore
import StatusMonitor

/// Carries records from the status directory to the store, for every service that this node owns.
///
/// One status directory serves all services of a node: SM_MON names no server address, so a record may belong
/// to any of them and is mirrored into each (a client that is told once too often ignores it).
actor MirrorShell {
  /// Where the guard of every write comes from: the owner key's bytes while this node holds the epoch.
  typealias OwnerBytes = @Sendable (ServiceName, UInt64) async -> [UInt8]?

  /// Told that the mirror has written the owner key anew: what it was, and what it is.
  typealias OwnerRenewed = @Sendable (ServiceName, [UInt8], [UInt8]) async -> Void

  struct Entry {
    var epoch: UInt64
    /// Nobody has sent a batch under this epoch yet.
    var isFresh: Bool
    var instance: MirrorInstance?
    var storedState: StateNumber?
    var isPlanRunning: Bool
    /// Whoever waits for everything to be in the store.
    var flushes: [CheckedContinuation<Void, Never>] = []
    /// Batches that were committed since this node owns the service.
    var commits = 0
    /// Records that these have deleted.
    var deletions = 0
  }

  let directory: StatusDirectory
  let store: any SharedStore
  let timings: MirrorTimings
  let limit: Duration
  let ownerBytes: OwnerBytes
  let onOwnerRenewed: OwnerRenewed
  let clock: any Clock<Duration>
  let log: Logger
  let jobs = JobQueue()
  let watch: StatusDirectoryWatch
  var entries: [ServiceName: Entry] = [:]
  /// Epochs that this daemon has claimed, until their first mirror begins.
  private var claimed: [ServiceName: UInt64] = [:]
  private(set) var lastScan: StatusDirectoryScan?
  private var isDirectoryThere = false
  private(set) var isLockManagerUp = false
  private(set) var isGraceRunning = false
  private(set) var isReading = false
  /// What callouts told while the directory was being read: newer than what that reading gives.
  var toldMeanwhile: [ClientName: [UInt8]] = [:]
  var callouts = CalloutWaits()
  /// Who else hears of records, for which service.
  var inboxes: [ServiceName: RecordInbox] = [:]
  /// When the directory was last read here.
  private var readAt = Duration.zero
  private var waitingToRead: [CheckedContinuation<Void, Never>] = []
  /// Files that are not taken as records, by printable name.
  private(set) var refused: [String: String] = [:]

  init(
    directory: StatusDirectory, store: any SharedStore, timings: MirrorTimings, storeTimeout: Duration,
    thread: ThreadExecutor, log: Logger, ownerBytes: @escaping OwnerBytes,
    onOwnerRenewed: @escaping OwnerRenewed
  ) {
    self.directory = directory
    self.store = store
    self.timings = timings
    // A batch carries many records and waits behind beats; an unknown end only costs doing it again.
    limit = max(storeTimeout, .seconds(10))
    clock = thread.clock
    self.log = log
    self.ownerBytes = ownerBytes
    self.onOwnerRenewed = onOwnerRenewed
    watch = StatusDirectoryWatch(directory: directory, on: thread)
  }

  /// Watches and mirrors until the task is cancelled.
  func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask { [jobs] in await jobs.run() }
      group.addTask { await self.followDirectory() }
      group.addTask { await self.rescanPeriodically() }
    }
    for service in entries.keys {
      endFlushes(service)
      endCallouts(service, because: "the daemon ends")
    }
  }

  /// This daemon has claimed `epoch` of `service`: no batch was ever sent under it.
  func onClaimed(_ service: ServiceName, epoch: UInt64) { claimed[service] = epoch }

  /// This node owns `service` under `epoch` from now on.
  func begin(_ service: ServiceName, epoch: UInt64, planIsRunning: Bool) {
    guard entries[service]?.epoch != epoch else { return }
    endFlushes(service)
    endCallouts(service, because: "\(service) begins a new epoch")
    let isFresh = claimed.removeValue(forKey: service) == epoch
    entries[service] = Entry(epoch: epoch, isFresh: isFresh, isPlanRunning: planIsRunning)
    jobs.start { await self.load(service, epoch: epoch) }
  }

  /// This node owns `service` no longer: nothing more of it is written.
  func end(_ service: ServiceName) {
    endFlushes(service)
    endCallouts(service, because: "\(service) is no longer this node's")
    entries[service] = nil
  }

  /// A plan of `service` begins or has ended; deletions wait.
  func onPlan(_ service: ServiceName, isRunning: Bool) {
    entries[service]?.isPlanRunning = isRunning
    apply(service) { $0.onPlan(isRunning: isRunning, now: .now) }
  }

  /// The NFS server is known to be well, or not.
  func onLockManager(isUp: Bool) {
    guard isUp != isLockManagerUp else { return }
    isLockManagerUp = isUp
    applyToAll { $0.onLockManager(isUp: isUp, now: .now) }
  }

  /// The lock manager's grace period is known to run, or not.
  func onGracePeriod(isRunning: Bool) {
    guard isRunning != isGraceRunning else { return }
    isGraceRunning = isRunning
    applyToAll { $0.onGracePeriod(isRunning: isRunning, now: .now) }
  }

  /// An operator lets `service` delete again.
  func thaw(_ service: ServiceName) -> Bool {
    guard entries[service]?.instance != nil else { return false }
    apply(service) { $0.onThaw(now: .now) }
    return true
  }

  /// How the mirror of `service` stands; nil where it isn't this node's.
  func status(_ service: ServiceName) -> NodeStatus.Mirror? {
    guard let entry = entries[service] else { return nil }
    let report = entry.instance?.report(now: .now)
    let seen = report?.seen ?? lastScan?.records.count ?? 0
    return NodeStatus.Mirror(
      statusDirectory: directory.path, recordsSeen: seen, recordsMirrored: report?.mirrored ?? 0,
      lagMilliseconds: report?.lag.wholeMilliseconds ?? 0, retained: report?.retained ?? 0,
      departing: report?.departing ?? 0, frozen: report?.frozenBecause.isEmpty != true,
      frozenBecause: report.map { $0.frozenBecause.map(\.text) } ?? ["the store's records are not read yet"],
      refused: refused.sorted { $0.key < $1.key }.map { NodeStatus.Refusal(name: $0.key, reason: $0.value) },
      commits: entry.commits, deletions: entry.deletions,
      problem: report?.problem ?? (isDirectoryThere ? nil : "\(directory.records) is not there"))
  }

  /// Every record of `service`; nil where its mirror is not this node's or not loaded yet.
  func records(_ service: ServiceName) -> [RecordStatus]? {
    entries[service]?.instance.map { instance in
      instance.records.map { client, bytes, state in
        RecordStatus(service: service, client: client, bytes: bytes, state: state.rawValue)
      }
    }
  }

  // MARK: - The directory

  private func followDirectory() async {
    watch.start()
    // The watch's first hint asks for everything to be read.
    for await _ in watch.changes {
      guard !Task.isCancelled else { break }
      await inTurn { await self.take(self.watch.take()) }
    }
    watch.stop()
  }

  private func rescanPeriodically() async {
    // Between two of them the watch tells of every change; where it can't it asks for a whole one.
    while (try? await clock.sleep(for: timings.rescan)) != nil {
      await inTurn { await self.rescan(looksAtShare: true) }
    }
  }

  /// One reading of the directory at a time, each applied before the next begins: what a scan read before a
  /// record was written must not be applied after the record's own event.
  func inTurn(_ body: () async -> Void) async {
    while isReading { await withCheckedContinuation { waitingToRead.append($0) } }
    isReading = true
    await body()
    isReading = false
    forgetScan(of: toldMeanwhile.keys)
    toldMeanwhile = [:]
    if !waitingToRead.isEmpty { waitingToRead.removeFirst().resume() }
  }

  /// Something newer than the last scan is known of these: the next one must not give what it had found.
  func forgetScan(of clients: some Sequence<ClientName>) { lastScan?.forget(clients) }

  /// Whoever is to be deleted and has come back has a file.
  private func lookFor(_ clients: Set<ClientName>, _ service: ServiceName, epoch: UInt64) async {
    let readings = await read(clients)
    guard entries[service]?.epoch == epoch else { return }
    var (absent, unseen): (Set<ClientName>, Set<ClientName>) = ([], [])
    for client in clients {
      switch readings[client] {
      case .record(let bytes):
        forgetScan(of: [client])
        pass(client, bytes)
        apply(service) { $0.onWritten(client, bytes, now: .now) }
      case .absent: absent.insert(client)
      case .refused, nil: unseen.insert(client)
      }
    }
    if !unseen.isEmpty { apply(service) { $0.onUnseen(unseen, now: .now) } }
    if !absent.isEmpty { apply(service) { $0.onAbsent(absent, now: .now) } }
  }

  func take(_ hints: StatusDirectoryHints) async {
    guard !hints.rescan else {
      let reasons = hints.rescanReasons.map(\.rawValue).sorted().joined(separator: ", ")
      log.info("reading the whole status directory", metadata: ["because": "\(reasons)"])
      return await rescan()
    }
    forgetScan(of: hints.written)
    for file in hints.refused { refuse(file.name, file.reason) }
    // What the watch read before the directory was last read here may be older than what that saw.
    let isFresh = hints.readAt.map { $0 > readAt } == true
    var looked = isFresh ? hints.readings : [:]
    let unread = hints.written.union(hints.removed).subtracting(looked.keys)
    if !unread.isEmpty { looked.merge(await read(unread)) { $1 } }
    var gone: Set<ClientName> = []
    for (client, reading) in looked {
      switch toldMeanwhile[client].map(RecordReading.record) ?? reading {
      case .record(let bytes):
        refused[client.text] = nil
        let hasGone = hints.removed.contains(client) || hints.retired.contains(client)
        pass(client, bytes, isNew: isFresh && hasGone, rewrittenAt: hints.rewritten[client])
        applyToAll { $0.onWritten(client, bytes, now: .now) }
      case .refused(let reason):
        refuse(client.text, reason)
      case .absent where hints.removed.contains(client) && !hints.retired.contains(client):
        refused[client.text] = nil
        passGone(client)
        gone.insert(client)
      case .absent:
        passGone(client)
      }
    }
    if !gone.isEmpty { applyToAll { $0.onRemoved(gone, now: .now) } }
    for client in hints.retired where looked[client] == nil { passGone(client) }
    if !hints.retired.isEmpty { await takeRetired(hints.retired) }
  }

  private func read(_ clients: Set<ClientName>) async -> [ClientName: RecordReading] {
    let directory = directory
    let readings = try? await OwnThread.run("lf-read-sm") {
      var readings: [ClientName: RecordReading] = [:]
      for client in clients {
        do {
          readings[client] = try directory.read(client)
        } catch {
          readings[client] = .refused(reason: "\(error)")
        }
      }
      return readings
    }
    readAt = BootClock.now
    return readings ?? [:]
  }

  func rescan(looksAtShare: Bool = false) async {
    let (directory, previous) = (directory, lastScan)
    do {
      defer { readAt = BootClock.now }
      let scan = try await OwnThread.run("lf-scan-sm") {
        try directory.scan(previous: previous, looksAtShare: looksAtShare)
      }
      lastScan = scan
      isDirectoryThere = true
      let known = refused
      refused = [:]
      for file in scan.refused {
        refused[file.name] = known[file.name]
        refuse(file.name, file.reason)
      }
      // Not a copy where nothing was told: what has not changed shall be one and the same.
      let records = toldMeanwhile.isEmpty ? scan.records : scan.records.merging(toldMeanwhile) { $1 }
      passAll(records, before: previous?.records ?? [:])
      applyToAll { $0.onScan(records, now: .now) }
      await takeUnknown(among: scan.retired)
      for (service, entry) in entries { raiseStoredState(service, epoch: entry.epoch) }
    } catch {
      if isDirectoryThere || lastScan == nil {
        log.warning(
          "the status directory can't be read; deletions are frozen", metadata: ["error": "\(error)"])
      }
      isDirectoryThere = false
      lastScan = nil
      applyToAll { $0.onDirectoryGone(now: .now) }
    }
  }

  private func refuse(_ name: String, _ reason: String) {
    if refused[name] != reason {
      log.warning("a file is not taken as a record", metadata: ["file": "\(name)", "reason": "\(reason)"])
    }
    refused[name] = reason
  }

  // MARK: - Directives

  func applyToAll(_ body: (inout MirrorInstance) -> [MirrorDirective]) {
    // An array: a view of the keys would keep a second reference to every mirror, and each change would copy all of it.
    for service in Array(entries.keys) { apply(service, body) }
  }

  func apply(_ service: ServiceName, _ body: (inout MirrorInstance) -> [MirrorDirective]) {
    guard var entry = entries[service], var instance = entry.instance else { return }
    entry.instance = nil
    entries[service] = entry
    let directives = body(&instance)
    let epoch = entry.epoch
    entries[service]?.instance = instance
    for directive in directives {
      switch directive {
      case .commit(let batch):
        jobs.start { await self.commit(batch, service, epoch: epoch) }
      case .wake(let moment):
        jobs.start { [clock] in
          try? await clock.sleep(for: max(moment - .now, .zero))
          await self.wake(service, epoch: epoch)
        }
      case .lookFor(let clients):
        jobs.start { await self.lookFor(clients, service, epoch: epoch) }
      case .answer(let ticket, let verdict):
        callouts.answer(ticket, verdict)
      }
    }
    if instance.isSettled { endFlushes(service) }
  }

  private func wake(_ service: ServiceName, epoch: UInt64) {
    guard entries[service]?.epoch == epoch else { return }
    apply(service) { $0.onTimer(now: .now) }
  }
}

extension MirrorInstance.Freeze {
  /// For people.
  var text: String {
    switch self {
    case .burst: "many records left at once; they are kept. If that was real: lockferry thaw SERVICE"
    case .directoryGone: "the status directory is not there"
    case .lockManagerDown: "the NFS server is not known to be up"
    case .gracePeriod: "the lock manager's grace period runs: it was restarted"
    case .plan: "an adoption or release runs, or clients may still be reclaiming after one"
    }
  }
}

extension RecordStatus {
  init(service: ServiceName, client: ClientName, bytes: [UInt8], state: String) {
    let record = MonitorRecord(parsing: bytes)
    var (monNames, myNames): ([String], [String]) = ([], [])
    for case .monitor(let line) in record.lines {
      if !monNames.contains(line.monName) { monNames.append(line.monName) }
      if !myNames.contains(line.myName) { myNames.append(line.myName) }
    }
    self.init(
      service: service.text, client: client.text, monNames: monNames, myNames: myNames, bytes: bytes.count,
      state: state, problems: record.problems)
  }
}

extension BootInstant {
  /// Now, by this machine's boot clock.
  static var now: BootInstant { BootInstant(sinceBoot: BootClock.now) }
}
