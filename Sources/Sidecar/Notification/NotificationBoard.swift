import Cluster
import Glibc
import Logging
import NodeHost
import StatusMonitor

/// The runs of sm-notify, one per service at most: begun by an adoption, going on after it for clients that do
/// not answer yet.
///
/// sm-notify works on a state directory of the service's own, never the live one: there it would retire the
/// records of this node's own clients. What is left in that directory is who has not answered.
actor NotificationBoard {
  private struct Run {
    var epoch: UInt64
    var clients: Set<ClientName>
    var directory: StatusDirectory
    var command: LongRunningCommand?
    var ended: CommandOutcome?
    /// The adoption's entry in the history, kept until its clients' part is final.
    var entry: HistoryEntry?
  }

  /// The most clients that an entry of the history names, so that it stays a value of the store; those who were
  /// not told come first.
  static let mostNamed = 2000

  /// Puts the final word on an adoption's clients into the history.
  typealias Revise = @Sendable (HistoryEntry, ServiceName, UInt64) async -> Void

  /// What sm-notify is to do.
  struct Assignment: Sendable {
    var service: ServiceName
    var epoch: UInt64
    var number: StateNumber
    /// The name under which clients know the server.
    var sourceName: String
    var retry: Duration
  }

  private let stateDirectory: String
  private let live: StatusDirectory
  private let jobs: JobQueue
  private let log: Logger
  private var revise: Revise?
  private var runs: [ServiceName: Run] = [:]

  init(stateDirectory: String, live: StatusDirectory, jobs: JobQueue, log: Logger) {
    self.stateDirectory = stateDirectory
    self.live = live
    self.jobs = jobs
    self.log = log
  }

  /// Who is told when an entry of the history has changed.
  func connect(_ revise: @escaping Revise) {
    self.revise = revise
  }

  /// The adoption ended with `entry`, while some clients may not have answered yet.
  func keep(_ entry: HistoryEntry, _ service: ServiceName, epoch: UInt64) async {
    guard runs[service]?.epoch == epoch, entry.clients.contains(where: { !$0.told }) else { return }
    runs[service]?.entry = entry
    if runs[service]?.ended != nil { await finishEntry(service, epoch: epoch) }
  }

  private func finishEntry(_ service: ServiceName, epoch: UInt64) async {
    guard var entry = runs[service]?.entry, let clients = await clients(service, epoch: epoch) else { return }
    entry.clients = clients
    await revise?(entry, service, epoch)
  }

  /// Tells `records`; where this epoch's run was interrupted, those of them who have not answered.
  ///
  /// - Returns: how many there are to tell and how many have answered when all have, or when `patience` ends.
  /// - Throws: ``PlanError`` where sm-notify ended with clients left.
  func tell(
    _ assignment: Assignment, _ records: [ClientName: [UInt8]], patience: Duration
  ) async throws -> (all: Int, told: Int) {
    stop(assignment.service)
    let path = privatePath(assignment.service)
    let (live, epoch, number) = (live, assignment.epoch, assignment.number)
    let directory = try await OwnThread.run("lf-notify") {
      try NotifyDirectory(path: path).prepare(epoch: epoch, number: number, records: records, like: live)
    }
    let left = try await Self.left(in: directory)
    runs[assignment.service] = Run(epoch: epoch, clients: Set(records.keys), directory: directory)
    // With nothing to do sm-notify would end the grace period (nfs-utils: nlm_end_grace).
    guard !left.isEmpty else { return (records.count, records.count) }
    try await start(assignment, directory)
    let start = BootClock.now
    while true {
      let left = try await Self.left(in: directory)
      if left.isEmpty { return (records.count, records.count) }
      if let outcome = runs[assignment.service]?.ended {
        throw PlanError(
          "sm-notify ended (\(outcome.explanation)) with \(left.count) of \(records.count) clients not told: "
            + left.sorted().prefix(5).map(\.text).joined(separator: ", "))
      }
      if BootClock.now - start >= patience { return (records.count, records.count - left.count) }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// Goes on telling those whom the run of this epoch has not told; does nothing where none is left.
  func goOn(_ assignment: Assignment) async throws -> Int {
    let path = privatePath(assignment.service)
    let epoch = assignment.epoch
    guard
      let directory = try await OwnThread.run(
        "lf-notify", { NotifyDirectory(path: path).interrupted(epoch: epoch) })
    else { return 0 }
    let left = try await Self.left(in: directory)
    guard !left.isEmpty else { return 0 }
    stop(assignment.service)
    runs[assignment.service] = Run(epoch: epoch, clients: left, directory: directory)
    try await start(assignment, directory)
    return left.count
  }

  /// Every client of the run of `epoch`, and whether it has answered; nil where there is no such run.
  func clients(_ service: ServiceName, epoch: UInt64) async -> [HistoryEntry.Client]? {
    guard let run = runs[service], run.epoch == epoch, let left = try? await Self.left(in: run.directory)
    else { return nil }
    let problem =
      run.ended == nil
      ? "has not answered yet; sm-notify goes on"
      : "had not answered when sm-notify ended (\(run.ended?.description ?? ""))"
    let untold = run.clients.intersection(left).sorted().map {
      HistoryEntry.Client(client: $0.text, told: false, problem: problem)
    }
    let told = run.clients.subtracting(left).sorted().map {
      HistoryEntry.Client(client: $0.text, told: true, problem: nil)
    }
    return Array((untold + told).prefix(Self.mostNamed)).sorted { $0.client < $1.client }
  }

  /// Ends the run of a service that is no longer here.
  func stop(_ service: ServiceName) {
    runs.removeValue(forKey: service)?.command?.terminate()
  }

  /// Ends every run.
  func stopAll() {
    for service in runs.keys { stop(service) }
  }

  private func privatePath(_ service: ServiceName) -> String { "\(stateDirectory)/notify/\(service)" }

  private func start(_ assignment: Assignment, _ directory: StatusDirectory) async throws {
    let places = ["/usr/sbin/sm-notify", "/sbin/sm-notify"]
    guard let program = places.first(where: { access($0, X_OK) == 0 }) else {
      throw PlanError("sm-notify is not in /usr/sbin or /sbin: install nfs-common (nfs-utils)")
    }
    let minutes = max(assignment.retry.wholeMilliseconds / 60_000, 1)
    // -d stays in the foreground, -n sends the number that is in the directory instead of a newer one.
    let command = try await LongRunningCommand.start([
      program, "-d", "-f", "-n", "-P", directory.path, "-m", String(minutes), "-v", assignment.sourceName,
    ])
    runs[assignment.service]?.command = command
    let (service, epoch) = (assignment.service, assignment.epoch)
    jobs.start {
      await withTaskCancellationHandler {
        await self.onEnd(service, epoch: epoch, await command.wait())
      } onCancel: {
        command.terminate()
      }
    }
  }

  private func onEnd(_ service: ServiceName, epoch: UInt64, _ outcome: CommandOutcome) async {
    guard runs[service]?.epoch == epoch, runs[service]?.command != nil else { return }
    runs[service]?.ended = outcome
    await finishEntry(service, epoch: epoch)
    log.info("sm-notify has ended", metadata: ["service": "\(service)", "how": "\(outcome)"])
  }

  /// Whoever still has a file has not answered: sm-notify moves files from `sm` to `sm.bak` and unlinks each
  /// when its client has answered.
  private static func left(in directory: StatusDirectory) async throws -> Set<ClientName> {
    try await OwnThread.run("lf-notify") {
      try directory.clients(in: .records).union(directory.clients(in: .retired))
    }
  }
}
