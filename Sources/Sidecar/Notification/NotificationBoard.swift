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

  /// Between two words on how far it is.
  private static let publishEvery = Duration.milliseconds(500)

  /// Puts the final word on a notification and its clients into the history; false where that has to be tried again.
  /// Without clients the entry keeps those that it has.
  typealias Revise = @Sendable (HistoryEntry, [HistoryEntry.Client]?, ServiceName, UInt64) async -> Bool
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

  /// The notification stands in the history as `entry`, while some clients may not have answered yet. False where no
  /// run is the entry's.
  @discardableResult
  func keep(_ entry: HistoryEntry, _ service: ServiceName, epoch: UInt64) async -> Bool {
    guard let run = runs[service], run.assignment.epoch == epoch,
      entry.stateNumber == Int(run.assignment.number.value)
    else { return false }
    runs[service]?.entry = entry
    if run.ended != nil { finishEntry(of: service) }
    return true
  }

  /// Tells `records`; where a run of this epoch and number was interrupted, those of them who have not answered.
  ///
  /// - Returns: how many there are to tell and how many have answered when all have, or when `patience` ends.
  /// - Throws: ``PlanError`` where sm-notify ended with clients left, or the run was stopped.
  func tell(
    _ assignment: NotificationAssignment, _ records: [ClientName: [UInt8]], patience: Duration
  ) async throws -> (all: Int, told: Int) {
    let service = assignment.service
    if try await !isRunning(assignment) {
      let turn = nextTurn(service)
      let path = privatePath(service)
      let live = live
      let new = NotifyDirectory.Note(
        epoch: assignment.epoch, number: assignment.number, boot: boot,
        startedAt: BootClock.now.wholeMilliseconds, graceLeft: assignment.graceLeft?.wholeMilliseconds,
        retry: assignment.retry.wholeMilliseconds)
      let toldBefore = try await told(service)
      // One at a time: an older attempt that ends late would remove the newer one's directory. The old run, if there
      // is one, goes on until the new one's directory stands.
      while preparing.contains(service) { try await Task.sleep(for: .milliseconds(10)) }
      guard turns[service] == turn else { throw Self.stopped(service) }
      preparing.insert(service)
      defer { preparing.remove(service) }
      let (note, directory) = try await OwnThread.run("lf-notify") {
        try NotifyDirectory(path: path).prepare(new, records: records, like: live)
      }
      var assignment = assignment.continuing(note)
      assignment.toldBefore = toldBefore
      try await start(assignment, directory, turn)
    }
    guard let id = runs[service]?.id else { throw Self.stopped(service) }
    let start = BootClock.now
    while let run = runs[service], run.id == id {
      let progress = try await run.telling.progress()
      let left = progress.all - progress.told
      if left == 0 { return (records.count, records.count) }
      // Who is left when the time is up is in the history; sm-notify may also have failed.
      if run.ended != nil, assignment.teller == .builtIn || run.telling is EndedRun {
        return (records.count, records.count - left)
      }
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
  /// how many they are, and the number that they are told; nil where there was no such run.
  func goOn(_ assignment: NotificationAssignment) async throws -> (left: Int, number: StateNumber)? {
    let service = assignment.service
    let turn = nextTurn(service)
    guard let (note, directory) = try await noted(service, epoch: assignment.epoch) else { return nil }
    let assignment = assignment.continuing(note)
    try await start(assignment, directory, turn)
    guard let run = runs[service], run.ended == nil else { return (0, note.number) }
    let progress = try await run.telling.progress()
    return (progress.all - progress.told, note.number)
  }

  /// What is left of the grace period that the last run of this epoch was told of; nil where that is not known.
  func graceLeft(_ service: ServiceName, epoch: UInt64) async throws -> Duration? {
    guard let note = try await noted(service, epoch: epoch)?.note, let graceLeft = note.graceLeft
    else { return nil }
    return .milliseconds(max(graceLeft - (BootClock.now.wholeMilliseconds - note.startedAt), 0))
  }

  /// When the last run of this epoch began, also one of an earlier daemon of this boot; nil where there was none.
  func lastBegin(_ service: ServiceName, epoch: UInt64) async throws -> BootInstant? {
    try await noted(service, epoch: epoch).map { BootInstant(sinceBoot: .milliseconds($0.note.startedAt)) }
  }

  private func noted(
    _ service: ServiceName, epoch: UInt64
  ) async throws -> (note: NotifyDirectory.Note, directory: StatusDirectory)? {
    let (path, boot) = (privatePath(service), boot)
    return try await OwnThread.run("lf-notify") {
      NotifyDirectory(path: path).interrupted(epoch: epoch, boot: boot)
    }
  }

  /// Every client of the run of `epoch`, and whether it has answered; nil where there is no such run.
  func clients(_ service: ServiceName, epoch: UInt64) async -> [HistoryEntry.Client]? {
    guard let run = runs[service], run.assignment.epoch == epoch else { return nil }
    return await Self.clients(of: run)
  }

  /// The names under which the run of `epoch` tells clients.
  func names(_ service: ServiceName, epoch: UInt64) -> [String]? {
    guard let run = runs[service], run.assignment.epoch == epoch else { return nil }
    return run.telling.names
  }

  /// What the run of `epoch` that tells `number` has achieved, and since when; nil where there is none, or another has
  /// taken its place.
  func report(
    _ service: ServiceName, epoch: UInt64, number: StateNumber
  ) async -> (clients: [HistoryEntry.Client], began: BootInstant, names: [String])? {
    guard let run = runs[service], run.assignment.epoch == epoch, run.assignment.number == number,
      let clients = await Self.clients(of: run)
    else { return nil }
    return (clients, run.startedAt, run.telling.names)
  }

  private static func clients(of run: Run) async -> [HistoryEntry.Client]? {
    guard let clients = try? await run.telling.clients() else { return nil }
    let names = run.telling.names
    let suffix = run.ended == nil ? "; it is told again and again" : ""
    return clients.map { client in
      var client = client
      // Names that are those of the whole entry are not written down for each client again.
      if client.names == names { client.names = nil }
      if !client.told { client.problem = (client.problem ?? "has not answered yet") + suffix }
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
      graceLeftMilliseconds: run.assignment.graceLeft.map { max(($0 - elapsed).wholeMilliseconds, 0) },
      ended: run.ended)
  }

  /// Ends the run of a service that is no longer here, also one that is about to begin.
  func stop(_ service: ServiceName) {
    _ = nextTurn(service)
    end(service, "the service left this node")
  }

  /// Ends every run; the next daemon goes on with them.
  func stopAll() {
    for service in Set(runs.keys).union(turns.keys) {
      _ = nextTurn(service)
      runs.removeValue(forKey: service)?.telling.stop()
    }
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
    let left = try await Self.left(in: directory)
    // With nothing to do sm-notify would end the grace period (nfs-utils: nlm_end_grace).
    let isOver = left.isEmpty || assignment.elapsed >= assignment.retry
    let telling: any NotificationRun =
      if isOver {
        try await EndedRun.of(AttemptLedger(in: directory), left: left)
      } else {
        try await assignment.start(in: directory, log: log)
      }
    guard turns[service] == turn else {
      telling.stop()
      throw Self.stopped(service)
    }
    end(service, "another notification took its place")
    lastRun += 1
    let id = lastRun
    runs[service] = Run(
      id: id, assignment: assignment, telling: telling, startedAt: .now - assignment.elapsed)
    guard !isOver else {
      runs[service]?.ended = await telling.run()
      return
    }
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
    finishEntry(of: service)
  }

  /// Ends the run of a service before its time, and says so in the history.
  private func end(_ service: ServiceName, _ why: String) {
    guard var run = runs.removeValue(forKey: service) else { return }
    run.telling.stop()
    guard run.ended == nil, run.entry != nil else { return }
    run.ended = why
    write(run, service, problem: "it was stopped before all were told: \(why)")
  }

  /// Writes what became of everybody.
  private func finishEntry(of service: ServiceName) {
    guard let run = runs[service] else { return }
    write(run, service, problem: nil)
  }

  /// As often as it takes.
  private func write(_ run: Run, _ service: ServiceName, problem: String?) {
    guard var entry = run.entry else { return }
    if entry.kind == "notification" {
      (entry.outcome, entry.problem) = problem == nil ? ("done", nil) : ("failed", problem)
      entry.milliseconds = (BootInstant.now - run.startedAt).wholeMilliseconds
    }
    entry.names = run.telling.names.isEmpty ? nil : run.telling.names
    let finished = entry
    let revise = revise
    jobs.start {
      let clients = await Self.clients(of: run)
      while !Task.isCancelled {
        if await revise?(finished, clients, service, run.assignment.epoch) ?? true { return }
        try? await Task.sleep(for: .seconds(1))
      }
    }
  }

  private func privatePath(_ service: ServiceName) -> String { "\(stateDirectory)/notify/\(service)" }

  private static func left(in directory: StatusDirectory) async throws -> Set<ClientName> {
    try await OwnThread.run("lf-notify") {
      try directory.clients(in: .records).union(directory.clients(in: .retired))
    }
  }
}
