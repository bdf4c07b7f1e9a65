public import NodeHost
public import RPCTransport
public import StatusMonitor

/// Tells the clients whose records are in a status directory's `sm.bak/`, and removes each record when its client has
/// been told: what is left in the folder is who has not, also after a crash.
public struct DirectoryNotification: NotificationRun {
  /// Carries it out.
  public let notifier: Notifier
  private let directory: StatusDirectory
  private let clients: [NotificationClient]

  /// By what it is judged whose locks are the youngest.
  public enum Recency: Sendable {
    /// The file's own time: the directory is the one that statd wrote.
    case file
    /// The time in the lock manager's cookie: the files are copies.
    case cookie
  }

  /// What is told, and how.
  public struct Assignment: Sendable {
    /// The names by which clients may know the server; see ``NotificationNames``.
    public var names: [String]
    /// The number.
    public var number: StateNumber
    /// The server's own addresses.
    public var sources: [HostAddress]
    /// How patiently.
    public var timings: NotificationTimings

    /// An assignment.
    public init(names: [String], number: StateNumber, sources: [HostAddress], timings: NotificationTimings) {
      self.names = names
      self.number = number
      self.sources = sources
      self.timings = timings
    }
  }

  /// Moves the records of those who are to be told out of the way of those who come anew, and reads them.
  ///
  /// - Throws: ``NodeHostError`` of the directory.
  public static func retire(
    in directory: StatusDirectory
  ) async throws -> (records: [RetiredRecord], refused: [RefusedFile]) {
    try await OwnThread.run("lf-notify") {
      try directory.retireAll()
      return try directory.retiredRecords()
    }
  }

  /// Begins to tell the clients of retired records.
  ///
  /// - Throws: ``RPCError`` of the sockets, ``XDRError`` of the names.
  public static func start(
    _ assignment: Assignment, _ records: [RetiredRecord], in directory: StatusDirectory, recency: Recency
  ) throws -> DirectoryNotification {
    let clients = records.map { NotificationClient($0, recency) }
    let errand = try NotificationErrand(.tell(names: assignment.names, number: assignment.number))
    let notifier = try Notifier(errand, to: clients, timings: assignment.timings, from: assignment.sources)
    return DirectoryNotification(notifier: notifier, directory: directory, clients: clients)
  }

  func progress() async throws -> NotificationProgress { notifier.progress }

  func clients() async throws -> [HistoryEntry.Client] { notifier.ledgers.map { HistoryEntry.Client($0) } }

  func stop() { notifier.stop() }

  func run() async -> String {
    let notifier = notifier
    return await withTaskCancellationHandler {
      do {
        try await run { _ in }
      } catch {
        notifier.stop()
        return "\(error)"
      }
      let progress = notifier.progress
      return progress.told == progress.all ? "all were told" : "the time for telling is up"
    } onCancel: {
      notifier.stop()
    }
  }

  /// Removes the records of those who are told, until the notifier ends. `onChange` hears of every progress.
  public func run(_ onChange: (NotificationProgress) async -> Void) async throws {
    for await _ in notifier.changes {
      let told = notifier.takeTold().map { clients[$0].name }
      if !told.isEmpty {
        let directory = directory
        try await OwnThread.run("lf-notify") { try directory.forget(told) }
      }
      await onChange(notifier.progress)
    }
  }
}

extension NotificationClient {
  /// The client of a record: a literal in it is believed without asking a resolver.
  init(_ record: RetiredRecord, _ recency: DirectoryNotification.Recency) {
    let content = MonitorRecord(parsing: record.bytes)
    self.init(
      name: record.client, record: content,
      recency: recency == .file ? record.modified : NotificationClient.recency(of: content))
  }

  /// The client of a record: a literal in it is believed without asking a resolver.
  public init(name: ClientName, record: MonitorRecord, recency: UInt64) {
    let candidates = NotificationClient.candidates(name: name, record: record)
    let literal = candidates.lazy.compactMap { HostAddress(literal: $0) }.first
    self.init(
      name: name, destination: literal.map { .address($0) } ?? .name(name.text), recency: recency)
  }
}
