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

  /// Puts the final word on a notification's clients into the history.
  typealias Revise = @Sendable (HistoryEntry, ServiceName, UInt64) async -> Void
  /// Shows other nodes how far it is.
  typealias Publish = @Sendable (NotificationStatus, ServiceName, UInt64) async -> Void

  private let stateDirectory: String
  private let live: StatusDirectory
  private let jobs: JobQueue
  private let log: Logger
  private var revise: Revise?
  private var publish: Publish?
  private var runs: [ServiceName: Run] = [:]

  init(stateDirectory: String, live: StatusDirectory, jobs: JobQueue, log: Logger) {
    self.stateDirectory = stateDirectory
    self.live = live
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
    guard runs[service]?.assignment.epoch == epoch else { return }
    runs[service]?.entry = entry
    if runs[service]?.ended != nil { await finishEntry(service, epoch: epoch) }
  }

  private func finishEntry(_ service: ServiceName, epoch: UInt64) async {
    guard var entry = runs[service]?.entry, let clients = await clients(service, epoch: epoch) else { return }
    // A run that went on after a restart of the daemon knows those alone who were left then.
    let names = Set(clients.map(\.client))
    entry.clients = Self.bounded(entry.clients.filter { !names.contains($0.client) } + clients)
    await revise?(entry, service, epoch)
  }

  /// Tells `records`; where this epoch's run with this number was interrupted, those of them who have not answered.
  ///
  /// - Returns: how many there are to tell and how many have answered when all have, or when `patience` ends.
  /// - Throws: ``PlanError`` where the run ended with clients left.
  func tell(
    _ assignment: NotificationAssignment, _ records: [ClientName: [UInt8]], patience: Duration
  ) async throws -> (all: Int, told: Int) {
    let service = assignment.service
    stop(service)
    let path = privatePath(service)
    let (live, epoch, number) = (live, assignment.epoch, assignment.number)
    let directory = try await OwnThread.run("lf-notify") {
      try NotifyDirectory(path: path).prepare(epoch: epoch, number: number, records: records, like: live)
    }
    // With nothing to do sm-notify would end the grace period (nfs-utils: nlm_end_grace).
    guard try await Self.left(in: directory) > 0 else { return (records.count, records.count) }
    try await start(assignment, directory)
    let start = BootClock.now
    while let run = runs[service], run.assignment.epoch == epoch {
      let ended = run.ended
      let progress = try await run.telling.progress()
      let left = progress.all - progress.told
      if left == 0 { return (records.count, records.count) }
      if let ended {
        let clients = try await run.telling.clients().filter { !$0.told }.prefix(5)
        throw PlanError(
          "\(left) of \(records.count) clients were not told (\(ended)): "
            + clients.map { "\($0.client): \($0.problem ?? "no answer")" }.joined(separator: "; "))
      }
      if BootClock.now - start >= patience { return (records.count, records.count - left) }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw PlanError("the notification of \(service) was stopped")
  }

  /// Goes on telling those whom the run of this epoch has not told. Returns how many they are.
  func goOn(_ assignment: NotificationAssignment) async throws -> Int {
    let path = privatePath(assignment.service)
    let epoch = assignment.epoch
    guard
      let directory = try await OwnThread.run(
        "lf-notify", { NotifyDirectory(path: path).interrupted(epoch: epoch) })
    else { return 0 }
    let left = try await Self.left(in: directory)
    guard left > 0 else { return 0 }
    stop(assignment.service)
    try await start(assignment, directory)
    return left
  }

  /// Every client of the run of `epoch`, and whether it has answered; nil where there is no such run.
  func clients(_ service: ServiceName, epoch: UInt64) async -> [HistoryEntry.Client]? {
    guard let run = runs[service], run.assignment.epoch == epoch,
      let clients = try? await run.telling.clients()
    else { return nil }
    let suffix = run.ended == nil ? "; it is told again and again" : ""
    return Self.bounded(
      clients.map { client in
        guard !client.told else { return client }
        var client = client
        client.problem = (client.problem ?? "has not answered yet") + suffix
        return client
      })
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

  /// Ends the run of a service that is no longer here.
  func stop(_ service: ServiceName) {
    runs.removeValue(forKey: service)?.telling.stop()
  }

  /// Ends every run.
  func stopAll() {
    for service in runs.keys { stop(service) }
  }

  private func privatePath(_ service: ServiceName) -> String { "\(stateDirectory)/notify/\(service)" }

  private static func bounded(_ clients: [HistoryEntry.Client]) -> [HistoryEntry.Client] {
    let untoldFirst = clients.filter { !$0.told } + clients.filter(\.told)
    return untoldFirst.prefix(mostNamed).sorted { $0.client < $1.client }
  }

  private func start(_ assignment: NotificationAssignment, _ directory: StatusDirectory) async throws {
    let telling = try await assignment.start(in: directory)
    let (service, epoch) = (assignment.service, assignment.epoch)
    runs[service] = Run(assignment: assignment, telling: telling, startedAt: .now)
    jobs.start {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await self.publishUntilCancelled(service, epoch: epoch) }
        let outcome = await telling.run()
        group.cancelAll()
        await self.onEnd(assignment, outcome)
      }
    }
  }

  private func publishUntilCancelled(_ service: ServiceName, epoch: UInt64) async {
    while !Task.isCancelled {
      if let status = await status(service) { await publish?(status, service, epoch) }
      try? await Task.sleep(for: Self.publishEvery)
    }
  }

  private func onEnd(_ assignment: NotificationAssignment, _ outcome: String) async {
    let (service, epoch) = (assignment.service, assignment.epoch)
    guard let run = runs[service], run.assignment.epoch == epoch, run.assignment.number == assignment.number
    else { return }
    runs[service]?.ended = outcome
    if let status = await status(service) { await publish?(status, service, epoch) }
    await finishEntry(service, epoch: epoch)
    log.info("a notification has ended", metadata: ["service": "\(service)", "how": "\(outcome)"])
  }

  private static func left(in directory: StatusDirectory) async throws -> Int {
    try await OwnThread.run("lf-notify") {
      try directory.clients(in: .records).union(directory.clients(in: .retired)).count
    }
  }
}
