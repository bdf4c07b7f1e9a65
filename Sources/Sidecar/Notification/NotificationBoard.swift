import Cluster
import Logging
import NodeHost
import StatusMonitor

/// Who is telling whose clients, one run per service at most: begun by an adoption or an operator, going on after it
/// for clients that do not answer yet.
///
/// A run works on a status directory of the service's own, never the live one: there it would retire the records of
/// this node's own clients. What is left in that directory is who has not answered.
actor NotificationBoard {
  private struct Run {
    /// No other run has it, not even one with the same number.
    var id: UInt64
    var assignment: NotificationAssignment
    var telling: any NotificationRun
    var startedAt: BootInstant
    /// How it ended.
    var ended: String?
    /// The entry in the history, kept until its clients' part is final.
    var entry: HistoryEntry?
  }

  /// The most clients that an entry of the history names, so that it stays a value of the store; those who were
  /// not told come first.
  static let mostNamed = 2000
  /// Between two words on how far it is.
  private static let publishEvery = Duration.milliseconds(500)

  /// Puts the final word on a notification's clients into the history; false where that has to be tried again.
  typealias Revise = @Sendable (HistoryEntry, ServiceName, UInt64) async -> Bool
  /// Shows other nodes how far it is.
  typealias Publish = @Sendable (NotificationStatus, ServiceName, UInt64) async -> Void

  private let stateDirectory: String
  private let live: StatusDirectory
  private let boot: String
  private let jobs: JobQueue
  private let log: Logger
  private var revise: Revise?
  private var publish: Publish?
  private var runs: [ServiceName: Run] = [:]
  /// Raised whenever what a service's clients are told changes: whoever waited meanwhile has come too late.
  private var turns: [ServiceName: UInt64] = [:]
  /// Services for which a directory is being filled.
  private var preparing: Set<ServiceName> = []
  private var lastRun: UInt64 = 0

  init(stateDirectory: String, live: StatusDirectory, boot: String, jobs: JobQueue, log: Logger) {
    self.stateDirectory = stateDirectory
    self.live = live
    self.boot = boot
    self.jobs = jobs
    self.log = log
  }

  /// Who is told when an entry of the history has changed, and how far a run is.
  func connect(revise: @escaping Revise, publish: @escaping Publish) {
    self.revise = revise
    self.publish = publish
  }

  /// The notification stands in the history as `entry`, while some clients may not have answered yet.
  func keep(_ entry: HistoryEntry, _ service: ServiceName, epoch: UInt64) async {
    guard let run = runs[service], run.assignment.epoch == epoch else { return }
    runs[service]?.entry = entry
    if run.ended != nil { finishEntry(service) }
  }

  /// Tells `records`; where a run of this epoch and number was interrupted, those of them who have not answered.
  ///
  /// - Returns: how many there are to tell and how many have answered when all have, or when `patience` ends.
  /// - Throws: ``PlanError`` where the run ended with clients left, or was stopped.
  func tell(
    _ assignment: NotificationAssignment, _ records: [ClientName: [UInt8]], patience: Duration
  ) async throws -> (all: Int, told: Int) {
    let service = assignment.service
    if try await !isRunning(assignment) {
      let turn = nextTurn(service)
      let path = privatePath(service)
      let live = live
      let note = NotifyDirectory.Note(
        epoch: assignment.epoch, number: assignment.number, boot: boot,
        startedAt: BootClock.now.wholeMilliseconds, graceLeft: assignment.graceLeft.wholeMilliseconds,
        retry: assignment.retry.wholeMilliseconds)
      var assignment = assignment
      assignment.toldBefore = try await told(service)
      // One at a time: an older attempt that ends late would remove the newer one's directory. The old run, if there
      // is one, goes on until the new one's directory stands.
      while preparing.contains(service) { try await Task.sleep(for: .milliseconds(10)) }
      guard turns[service] == turn else { throw Self.stopped(service) }
      preparing.insert(service)
      defer { preparing.remove(service) }
      let directory = try await OwnThread.run("lf-notify") {
        try NotifyDirectory(path: path).prepare(note, records: records, like: live)
      }
      // With nothing to do sm-notify would end the grace period (nfs-utils: nlm_end_grace).
      guard try await Self.left(in: directory) > 0 else { return (records.count, records.count) }
      try await start(assignment, directory, turn)
    }
    guard let id = runs[service]?.id else { throw Self.stopped(service) }
    let start = BootClock.now
    while let run = runs[service], run.id == id {
      let progress = try await run.telling.progress()
      let left = progress.all - progress.told
      if left == 0 { return (records.count, records.count) }
      if let ended = run.ended {
        let clients = try await run.telling.clients().filter { !$0.told }.prefix(5)
        throw PlanError(
          "\(left) of \(records.count) clients were not told (\(ended)): "
            + clients.map { "\($0.client): \($0.problem ?? "no answer")" }.joined(separator: "; "))
      }
      if BootClock.now - start >= patience { return (records.count, records.count - left) }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw Self.stopped(service)
  }

  /// Goes on telling those whom the last run of this epoch has not told, for as long as that would have done. Returns
  /// how many they are.
  func goOn(_ assignment: NotificationAssignment) async throws -> Int {
    let service = assignment.service
    let turn = nextTurn(service)
    let (path, boot, epoch) = (privatePath(service), boot, assignment.epoch)
    guard
      let (note, directory) = try await OwnThread.run(
        "lf-notify", { NotifyDirectory(path: path).interrupted(epoch: epoch, boot: boot) })
    else { return 0 }
    let elapsed = BootClock.now.wholeMilliseconds - note.startedAt
    guard elapsed < note.retry else { return 0 }
    let left = try await Self.left(in: directory)
    guard left > 0 else { return 0 }
    var assignment = assignment
    assignment.number = note.number
    assignment.retry = .milliseconds(note.retry - elapsed)
    assignment.graceLeft = .milliseconds(max(note.graceLeft - elapsed, 0))
    try await start(assignment, directory, turn)
    return left
  }

  /// Every client of the run of `epoch`, and whether it has answered; nil where there is no such run.
  func clients(_ service: ServiceName, epoch: UInt64) async -> [HistoryEntry.Client]? {
    await everyClient(service, epoch: epoch).map {
      Self.bounded($0, names: runs[service]?.telling.names ?? [])
    }
  }

  /// The names under which the run of `epoch` tells clients.
  func names(_ service: ServiceName, epoch: UInt64) -> [String]? {
    guard let run = runs[service], run.assignment.epoch == epoch else { return nil }
    return run.telling.names
  }

  private func everyClient(_ service: ServiceName, epoch: UInt64) async -> [HistoryEntry.Client]? {
    guard let run = runs[service], run.assignment.epoch == epoch,
      let clients = try? await run.telling.clients()
    else { return nil }
    let suffix = run.ended == nil ? "; it is told again and again" : ""
    return clients.map { client in
      guard !client.told else { return client }
      var client = client
      client.problem = (client.problem ?? "has not answered yet") + suffix
      return client
    }
  }

  /// How far the run of a service is; nil where there was none since the daemon started.
  func status(_ service: ServiceName) async -> NotificationStatus? {
    guard let run = runs[service], let progress = try? await run.telling.progress() else { return nil }
    let elapsed = BootInstant.now - run.startedAt
    return NotificationStatus(
      service: service.text, epoch: Int(clamping: run.assignment.epoch),
      stateNumber: Int(run.assignment.number.value), all: progress.all, told: progress.told,
      underWay: progress.underWay, milliseconds: elapsed.wholeMilliseconds,
      graceLeftMilliseconds: max((run.assignment.graceLeft - elapsed).wholeMilliseconds, 0),
      ended: run.ended)
  }

  /// Ends the run of a service that is no longer here, also one that is about to begin.
  func stop(_ service: ServiceName) {
    _ = nextTurn(service)
    runs.removeValue(forKey: service)?.telling.stop()
  }

  /// Ends every run.
  func stopAll() {
    for service in Set(runs.keys).union(turns.keys) { stop(service) }
  }

  // MARK: - Runs

  /// Whether a run does this already, or has done all of it.
  private func isRunning(_ assignment: NotificationAssignment) async throws -> Bool {
    guard let run = runs[assignment.service], run.assignment.epoch == assignment.epoch,
      run.assignment.number == assignment.number
    else { return false }
    guard run.ended != nil else { return true }
    let progress = try await run.telling.progress()
    return progress.told == progress.all
  }

  private func nextTurn(_ service: ServiceName) -> UInt64 {
    turns[service, default: 0] += 1
    return turns[service, default: 0]
  }

  private static func stopped(_ service: ServiceName) -> PlanError {
    PlanError("telling the clients of \(service) was stopped")
  }

  /// Who has answered the run before.
  private func told(_ service: ServiceName) async throws -> Set<String> {
    guard let run = runs[service] else { return [] }
    return Set(try await run.telling.clients().filter(\.told).map(\.client))
  }

  private func start(
    _ assignment: NotificationAssignment, _ directory: StatusDirectory, _ turn: UInt64
  ) async throws {
    let service = assignment.service
    guard turns[service] == turn else { throw Self.stopped(service) }
    let telling = try await assignment.start(in: directory, log: log)
    guard turns[service] == turn else {
      telling.stop()
      throw Self.stopped(service)
    }
    runs[service]?.telling.stop()
    lastRun += 1
    let id = lastRun
    runs[service] = Run(id: id, assignment: assignment, telling: telling, startedAt: .now)
    jobs.start {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await self.publishUntilCancelled(service, id) }
        let outcome = await telling.run()
        group.cancelAll()
        // Its last word must not come after the end.
        await group.waitForAll()
        await self.onEnd(service, id, outcome)
      }
    }
  }

  private func publishUntilCancelled(_ service: ServiceName, _ id: UInt64) async {
    var last: NotificationProgress?
    while !Task.isCancelled, let run = runs[service], run.id == id {
      if let status = await status(service), last?.told != status.told || last?.underWay != status.underWay {
        last = NotificationProgress(all: status.all, told: status.told, underWay: status.underWay)
        await publish?(status, service, run.assignment.epoch)
      }
      try? await Task.sleep(for: Self.publishEvery)
    }
  }

  private func onEnd(_ service: ServiceName, _ id: UInt64, _ outcome: String) async {
    guard let run = runs[service], run.id == id else { return }
    runs[service]?.ended = outcome
    log.info("a notification has ended", metadata: ["service": "\(service)", "how": "\(outcome)"])
    if let status = await status(service) { await publish?(status, service, run.assignment.epoch) }
    finishEntry(service)
  }

  /// Writes what became of everybody, as often as it takes.
  private func finishEntry(_ service: ServiceName) {
    guard let run = runs[service], let entry = run.entry else { return }
    jobs.start {
      while !Task.isCancelled, await self.isLast(service, run.id) {
        guard let finished = await self.finished(entry, service, run) else { return }
        if await self.revise?(finished, service, run.assignment.epoch) ?? true { return }
        try? await Task.sleep(for: .seconds(1))
      }
    }
  }

  private func isLast(_ service: ServiceName, _ id: UInt64) -> Bool { runs[service]?.id == id }

  private func finished(_ entry: HistoryEntry, _ service: ServiceName, _ run: Run) async -> HistoryEntry? {
    guard let clients = await everyClient(service, epoch: run.assignment.epoch) else { return nil }
    var entry = entry
    // A run that went on after a restart of the daemon knows those alone who were left then.
    let names = Set(clients.map(\.client))
    let all = entry.clients.filter { !names.contains($0.client) } + clients
    entry.clientCount = max(entry.clientCount ?? 0, all.count)
    entry.untoldCount = all.count { !$0.told }
    entry.names = run.telling.names
    entry.clients = Self.bounded(all, names: run.telling.names)
    if entry.kind == "notification" {
      entry.outcome = "done"
      entry.milliseconds = (BootInstant.now - run.startedAt).wholeMilliseconds
    }
    return entry
  }

  private func privatePath(_ service: ServiceName) -> String { "\(stateDirectory)/notify/\(service)" }

  /// Names that are those of the whole entry are not written down for each client again.
  private static func bounded(_ clients: [HistoryEntry.Client], names: [String]) -> [HistoryEntry.Client] {
    let untoldFirst = clients.filter { !$0.told } + clients.filter(\.told)
    return untoldFirst.prefix(mostNamed).sorted { $0.client < $1.client }.map { client in
      var client = client
      if client.names == names { client.names = nil }
      return client
    }
  }

  private static func left(in directory: StatusDirectory) async throws -> Int {
    try await OwnThread.run("lf-notify") {
      try directory.clients(in: .records).union(directory.clients(in: .retired)).count
    }
  }
}
