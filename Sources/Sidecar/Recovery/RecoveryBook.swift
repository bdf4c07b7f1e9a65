import Cluster
import Logging
import NodeHost
import SharedStore
import StatusMonitor

/// Keeps the ledger of each service's recovery, from the moment before its clients are told until nothing more can be
/// learnt: feeds it with what the mirror sees and the kernel says, and has the result written into the history.
actor RecoveryBook {
  /// Whose recovery begins.
  struct Beginning: Sendable {
    var service: ServiceName
    var epoch: UInt64
    /// What the clients are told.
    var number: StateNumber
    /// Those who are to be told.
    var records: [ClientName: [UInt8]]
    /// What is left of the grace period, where the kernel does not say when it is over.
    var graceLeft: Duration
    var mirror: MirrorShell
    /// Where the lock manager is that serves them; nil: this process's own.
    var namespace: ServiceNamespace?
  }

  private struct Run {
    /// No other run has it.
    var id: UInt64
    var epoch: UInt64
    var number: StateNumber
    var ledger: RecoveryLedger
    var inbox: RecordInbox
    var mirror: MirrorShell
    var namespace: ServiceNamespace?
    var startedAt: WallMark
    /// The number of its entry in the history, once that is written.
    var entry: Int?
    /// Nothing more will be learnt, and since when.
    var ending: (end: RecoveryLedger.End, at: BootInstant)?
    /// By which names all clients were told, for the report.
    var names: [String] = []
    /// When their notification began, for the report.
    var tellingSince: BootInstant?
    /// When their records had reached the store, seconds since 1970.
    var mirrored: [ClientName: UInt64] = [:]
    /// What the history says of it.
    var written: HistoryEntry.Recovery?
  }

  /// From one look to the next.
  private static let interval = Duration.milliseconds(250)
  /// The history is told so often at most how far it is.
  private static let publishEvery = Duration.seconds(2)

  /// Brings the entry of the history up to date, its clients as well where that is wanted; false where that has to be tried
  /// again.
  typealias Revise = @Sendable (_ number: Int, ServiceName, _ epoch: UInt64, _ clients: Bool) async -> Bool

  private let stateDirectory: String
  private let boot: String
  private let notifications: NotificationBoard
  private let store: any SharedStore
  private let mirrored: @Sendable (ServiceName) async -> [ClientName: UInt64]
  private let jobs: JobQueue
  private let log: Logger
  private var revise: Revise?
  private var runs: [ServiceName: Run] = [:]
  /// Of recoveries that another daemon of this node has seen to their end.
  private var remembered: [ServiceName: HistoryEntry.Recovery] = [:]
  private var lastRun: UInt64 = 0

  /// - Parameter mirrored: when each client's record was last written to the store, seconds since 1970.
  init(
    stateDirectory: String, boot: String, notifications: NotificationBoard, store: any SharedStore,
    jobs: JobQueue, log: Logger, mirrored: @escaping @Sendable (ServiceName) async -> [ClientName: UInt64]
  ) {
    self.stateDirectory = stateDirectory
    self.boot = boot
    self.notifications = notifications
    self.store = store
    self.mirrored = mirrored
    self.jobs = jobs
    self.log = log
  }

  /// Who writes into the history.
  func connect(revise: @escaping Revise) { self.revise = revise }

  // MARK: - From beginning to end

  /// Before anybody is told. A step that runs again goes on with the ledger that it has begun.
  func begin(_ beginning: Beginning) async {
    let (service, epoch) = (beginning.service, beginning.epoch)
    if let run = runs[service], run.epoch == epoch, run.number == beginning.number { return }
    if await goOn(service, epoch: epoch, beginning.mirror, beginning.namespace, number: beginning.number) {
      return
    }
    let place = place(of: service)
    try? await OwnThread.run("lf-recovery") { place.remove() }
    let (present, inbox) = await beginning.mirror.watchRecords(of: service, isResumed: false)
    let start = WallMark()
    // Ten thousand records are not read beside the beats.
    let ledger = await Self.apart {
      RecoveryLedger(
        records: beginning.records, present: present ?? beginning.records,
        graceEnds: start.instant + beginning.graceLeft)
    }
    let run = Run(
      id: nextID(), epoch: epoch, number: beginning.number, ledger: ledger, inbox: inbox,
      mirror: beginning.mirror, namespace: beginning.namespace, startedAt: start)
    let grace = await RecoveryLedger.Grace.read(for: beginning.namespace)
    await follow(service, run, grace)
    // Nobody's telling waits for these.
    jobs.start { await self.noteMirrored(service, run.id) }
    jobs.start { [boot, log] in
      do {
        try await OwnThread.run("lf-recovery") {
          try place.write(
            RecoveryNote(
              epoch: epoch, number: run.number, boot: boot, startedAt: start,
              graceEnds: ledger.graceEnds.sinceBoot.wholeMilliseconds, sawGrace: grace == .running,
              records: beginning.records.noted, present: ledger.before.noted))
        }
      } catch {
        log.warning(
          "a daemon that starts again will not know which clients are back",
          metadata: ["service": "\(service)", "error": "\(error)"])
      }
    }
  }

  /// Goes on where a daemon that has ended had come; false where nothing is known of it.
  func goOn(
    _ service: ServiceName, epoch: UInt64, _ mirror: MirrorShell, _ namespace: ServiceNamespace?,
    number: StateNumber? = nil
  ) async -> Bool {
    if let run = runs[service], run.epoch == epoch { return true }
    let (place, boot) = (place(of: service), boot)
    guard
      let (note, registered) = try? await OwnThread.run(
        "lf-recovery", { place.read(epoch: epoch, boot: boot) }),
      number == nil || number == note.number
    else { return false }
    let (present, inbox) = await mirror.watchRecords(of: service, isResumed: true)
    let grace = await RecoveryLedger.Grace.read(for: namespace)
    let now = BootInstant.now
    let ledger = await Self.apart {
      var ledger = RecoveryLedger(
        records: .init(noted: note.records), present: .init(noted: note.present),
        graceEnds: BootInstant(sinceBoot: .milliseconds(note.graceEnds)), registered: registered,
        sawGrace: note.sawGrace)
      let isOver = grace == .over && note.sawGrace || grace == .unseen && now >= ledger.graceEnds
      for (client, record) in present ?? [:] {
        if isOver {
          ledger.onLateRecord(client, record)
        } else {
          _ = ledger.onRecord(client, record, isNew: false, now: now)
        }
      }
      return ledger
    }
    let run = Run(
      id: nextID(), epoch: epoch, number: note.number, ledger: ledger, inbox: inbox, mirror: mirror,
      namespace: namespace, startedAt: note.startedAt)
    await follow(service, run, grace)
    return true
  }

  /// The recovery of an earlier daemon of this epoch, as the history has it.
  func remember(_ recovery: HistoryEntry.Recovery?, of service: ServiceName) {
    remembered[service] = recovery
  }

  /// The entry of the history is about to be written: what can be known by now shall be in it.
  func settle(_ service: ServiceName, epoch: UInt64) async {
    guard let run = runs[service], run.epoch == epoch else { return }
    await look(service, run.id)
    await conclude(service, run.id)
  }

  /// The recovery stands in the history as the entry `number`, which says `written`.
  func keep(
    _ number: Int, _ written: HistoryEntry.Recovery?, _ service: ServiceName, epoch: UInt64
  ) {
    guard runs[service]?.epoch == epoch else { return }
    runs[service]?.entry = number
    runs[service]?.written = written
  }

  /// Somebody has counted the locks; nil where he counts no more.
  func onLocks(_ locks: RecoveryLedger.Locks?, _ service: ServiceName, epoch: UInt64) {
    guard runs[service]?.epoch == epoch else { return }
    runs[service]?.ledger.onLocks(locks)
  }

  /// The service is no longer here: whoever has it next closes what is open.
  func stop(_ service: ServiceName) async {
    remembered[service] = nil
    guard let run = runs.removeValue(forKey: service) else { return }
    await run.mirror.stopWatching(service, run.inbox)
  }

  // MARK: - Answers

  /// How a recovery here stands; nil where there was none.
  func status(_ service: ServiceName) -> HistoryEntry.Recovery? {
    runs[service].flatMap(Self.recovery) ?? remembered[service]
  }

  /// What the entry of the history has to say of the recovery of `epoch`; nil where nobody here follows it.
  func recovery(_ service: ServiceName, epoch: UInt64) -> HistoryEntry.Recovery? {
    guard let run = runs[service], run.epoch == epoch else { return nil }
    return Self.recovery(run)
  }

  /// The same clients with what is known of their locks.
  func annotate(
    _ clients: [HistoryEntry.Client], _ service: ServiceName, epoch: UInt64
  ) async -> [HistoryEntry.Client] {
    guard let run = runs[service], run.epoch == epoch else { return clients }
    let began = await notifications.report(service, epoch: epoch, number: run.number)?.began
    let report = RecoveryReport(
      ledger: run.ledger, ending: run.ending.map { ($0.end, $0.at) }, startedAt: run.startedAt,
      tellingSince: run.tellingSince ?? began ?? run.startedAt.instant, names: run.names,
      mirrored: run.mirrored)
    return await Self.apart { clients.map { report.annotate($0) } }
  }

  /// Nil where there is nobody who could have lost anything.
  private static func recovery(_ run: Run) -> HistoryEntry.Recovery? {
    guard !run.ledger.clients.isEmpty || (run.ledger.locks?.held ?? 0) > 0 else { return nil }
    var recovery = HistoryEntry.Recovery(
      state: run.ledger.end == nil ? "open" : "closed",
      startedAt: run.startedAt.text(of: run.startedAt.instant))
    recovery.count(run.ledger)
    if let ending = run.ending, run.ledger.end != nil {
      recovery.endedAt = run.startedAt.text(of: ending.at)
      recovery.ended = RecoveryReport.words(ending.end)
    } else {
      recovery.endsBy = run.startedAt.text(of: run.ledger.graceEnds)
    }
    return recovery
  }

  // MARK: - Following one

  private func nextID() -> UInt64 {
    lastRun += 1
    return lastRun
  }

  private func place(of service: ServiceName) -> RecoveryNote.Place {
    RecoveryNote.Place(service, stateDirectory: stateDirectory)
  }

  private func follow(_ service: ServiceName, _ run: Run, _ grace: RecoveryLedger.Grace) async {
    await stop(service)
    runs[service] = run
    _ = runs[service]?.ledger.onGrace(grace, now: .now)
    jobs.start { await self.follow(service, run.id) }
  }

  private func follow(_ service: ServiceName, _ id: UInt64) async {
    var published = BootInstant.now
    while !Task.isCancelled, runs[service]?.id == id {
      await look(service, id)
      if runs[service]?.id == id, runs[service]?.ending != nil, runs[service]?.entry != nil {
        await conclude(service, id)
        return await write(service, id)
      }
      if BootInstant.now - published >= Self.publishEvery {
        published = .now
        await publish(service, id)
      }
      try? await Task.sleep(for: Self.interval)
    }
  }

  private func noteMirrored(_ service: ServiceName, _ id: UInt64) async {
    guard let start = runs[service]?.startedAt else { return }
    let mirrored = await mirrored(service).filter { Double($0.value) <= start.wall }
    if runs[service]?.id == id { runs[service]?.mirrored = mirrored }
  }

  private func look(_ service: ServiceName, _ id: UInt64) async {
    guard let run = runs[service], run.id == id, run.ending == nil else { return }
    await takeSights(service, id)
    let grace = await RecoveryLedger.Grace.read(for: run.namespace)
    guard runs[service]?.id == id, case .close(let end)? = runs[service]?.ledger.onGrace(grace, now: .now)
    else { return }
    await seal(service, id, end)
  }

  private func takeSights(_ service: ServiceName, _ id: UInt64) async {
    guard let sights = runs[service]?.inbox.take(), !sights.isEmpty else { return }
    var back: [ClientName: BootInstant] = [:]
    for (name, sight) in sights {
      let found =
        runs[service]?.ledger.onRecord(
          name, sight.record, isNew: sight.isNew, isRewritten: sight.isRewritten, now: sight.at) ?? []
      for client in found { back[client] = sight.at }
    }
    guard !back.isEmpty else { return }
    let (place, registered) = (place(of: service), back)
    do {
      try await OwnThread.run("lf-recovery") { try place.append(registered) }
    } catch {
      log.debug(
        "who is back is not written down", metadata: ["service": "\(service)", "error": "\(error)"])
    }
  }

  /// Nobody can reclaim any more: who has come back by now is in the directory.
  private func seal(_ service: ServiceName, _ id: UInt64, _ end: RecoveryLedger.End) async {
    let now = BootInstant.now
    await runs[service]?.mirror.readAgain()
    guard runs[service]?.id == id else { return }
    await takeSights(service, id)
    guard let run = runs[service], run.id == id, run.ending == nil else { return }
    runs[service]?.ending = (end, now)
    await run.mirror.stopWatching(service, run.inbox)
  }

  /// The verdicts, once no more can be learnt.
  private func conclude(_ service: ServiceName, _ id: UInt64) async {
    guard let run = runs[service], run.id == id, let ending = run.ending, run.ledger.end == nil else {
      return
    }
    let report = await notifications.report(service, epoch: run.epoch, number: run.number)
    let began = report?.began ?? run.startedAt.instant
    let clients = await toldClients(service, run, report?.clients)
    let restarted = await store.clientsRestarted(
      of: service, since: run.startedAt.text(of: run.startedAt.instant))
    guard let last = runs[service], last.id == id else { return }
    let closed = await Self.apart {
      var (ledger, told) = (last.ledger, last.ledger.clients)
      if let clients {
        let limit = ending.end == .noGrace ? Int.max : (ending.at - began).wholeMilliseconds
        told = []
        for client in clients where client.told && (client.toldMilliseconds ?? 0) <= limit {
          if let name = try? ClientName(client.client) { told.insert(name) }
        }
      }
      ledger.close(ending.end, told: told, restarted: restarted)
      return ledger
    }
    guard runs[service]?.id == id, runs[service]?.ledger.end == nil else { return }
    runs[service]?.ledger = closed
    runs[service]?.tellingSince = began
    runs[service]?.names = report?.names ?? []
  }

  /// Who was told, and when; nil where an operator's command has told all of them.
  private func toldClients(
    _ service: ServiceName, _ run: Run, _ reported: [HistoryEntry.Client]?
  ) async -> [HistoryEntry.Client]? {
    if let reported { return reported }
    guard let later = await notifications.clients(service, epoch: run.epoch) else { return nil }
    // They have been told anew meanwhile, and what the first notification achieved is in the history.
    guard let number = run.entry, let key = try? ClusterKeys.history(service, number: number),
      let bytes = try? await store.read(key, within: .seconds(10)),
      let entry = StoreJSON.value(HistoryEntry.self, bytes),
      let (clients, _) = try? await HistoryLedger.read(entry, service, in: store)
    else { return later }
    return clients + later
  }

  private func write(_ service: ServiceName, _ id: UInt64) async {
    guard let run = runs[service], run.id == id, let number = run.entry else { return }
    let recovery = Self.recovery(run)
    if let recovery {
      log.log(
        level: recovery.hasLoss ? .warning : .notice, "a recovery is over",
        metadata: ["service": "\(service)", "entry": "\(number)", "clients": "\(recovery.text)"])
    }
    while recovery != run.written, !Task.isCancelled, runs[service]?.id == id {
      if await revise?(number, service, run.epoch, true) ?? true { break }
      try? await Task.sleep(for: .seconds(1))
    }
    guard runs[service]?.id == id, !Task.isCancelled else { return }
    runs[service]?.written = recovery
    let place = place(of: service)
    try? await OwnThread.run("lf-recovery") { place.remove() }
  }

  private func publish(_ service: ServiceName, _ id: UInt64) async {
    guard let run = runs[service], let number = run.entry, run.ledger.end == nil else { return }
    let recovery = Self.recovery(run)
    guard recovery != run.written, await revise?(number, service, run.epoch, false) ?? true else { return }
    if runs[service]?.id == id { runs[service]?.written = recovery }
  }

  /// What takes its time for thousands of clients, on another thread than this actor's.
  private static func apart<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    if let value = try? await OwnThread.run("lf-recovery", body) { return value }
    return body()
  }
}
