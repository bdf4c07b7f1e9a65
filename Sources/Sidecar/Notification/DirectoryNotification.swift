public import NodeHost
public import RPCTransport
public import StatusMonitor

/// Tells the clients whose records are in a status directory's `sm.bak/`, and removes each record when its client has
/// been told: what is left in the folder is who has not, also after a crash.
public struct DirectoryNotification: NotificationRun {
  /// Carries it out.
  public let notifier: Notifier
  private let directory: StatusDirectory
  /// Where it is written down who has answered to what; nil where nobody goes on with it.
  private let ledger: AttemptLedger?
  /// Between the attempt's begin and this notification's, where another began it.
  private let elapsed: Duration
  /// Those who had answered to everything before.
  private let settled: [HistoryEntry.Client]
  /// Of them, those whose records are still there.
  private let unforgotten: [ClientName]
  /// Files that can't be read, so that nobody can be told of them.
  private let refused: [RefusedFile]
  let names: [String]

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
    /// Clients that have answered another notification before: the others come first.
    var toldBefore: Set<String> = []
    /// Between the attempt's begin and now, where it goes on.
    var elapsed = Duration.zero
    /// Where the server's addresses are; nil: in this process's own network.
    var namespace: ServiceNamespace?

    /// An assignment.
    public init(
      names: [String], number: StateNumber, sources: [HostAddress], timings: NotificationTimings
    ) {
      self.names = names
      self.number = number
      self.sources = sources
      self.timings = timings
    }
  }

  /// The records of those who are to be told.
  public struct Retired: Sendable {
    /// What could be read.
    public var records: [RetiredRecord]
    /// What could not.
    public var refused: [RefusedFile]
  }

  /// Whether there is anything that could be the record of somebody to tell.
  ///
  /// - Throws: ``NodeHostError`` of the directory.
  public static func hasClients(_ directory: StatusDirectory) async throws -> Bool {
    try await OwnThread.run("lf-notify") {
      let scan = try directory.scan()
      return try !scan.records.isEmpty || !scan.refused.isEmpty || !directory.clients(in: .retired).isEmpty
    }
  }

  /// Moves the records of those who are to be told out of the way of those who come anew, and reads them.
  ///
  /// - Throws: ``NodeHostError`` of the directory.
  public static func retire(in directory: StatusDirectory) async throws -> Retired {
    try await OwnThread.run("lf-notify") {
      try directory.retireAll()
      let (records, refused) = try directory.retiredRecords()
      return Retired(records: records, refused: refused)
    }
  }

  /// Begins to tell the clients of retired records.
  ///
  /// - Throws: ``RPCError`` of the sockets, ``XDRError`` of the names.
  public static func start(
    _ assignment: Assignment, _ retired: Retired, in directory: StatusDirectory, recency: Recency
  ) async throws -> DirectoryNotification {
    try await start(assignment, retired, in: directory, recency: recency, ledger: nil)
  }

  /// Begins or goes on with an attempt whose ledger is kept.
  static func start(
    _ assignment: Assignment, _ retired: Retired, in directory: StatusDirectory, recency: Recency,
    ledger: AttemptLedger?
  ) async throws -> DirectoryNotification {
    // A hundred thousand records take their time.
    try await OwnThread.run("lf-notify") {
      let everybody =
        ledger?.clients(
          left: Set(retired.records.map(\.client)).union(retired.refused.compactMap(\.client))) ?? []
      let known = Dictionary(everybody.map { ($0.client, $0) }) { first, _ in first }
      let unforgotten = retired.records.map(\.client).filter { known[$0.text]?.told == true }
      let clients = retired.records.compactMap { record -> NotificationClient? in
        guard known[record.client.text]?.told != true else { return nil }
        var client = NotificationClient(record, recency)
        client.wasToldBefore = assignment.toldBefore.contains(client.name.text)
        client.answeredNames = known[record.client.text]?.names ?? []
        return client
      }
      let errand = try NotificationErrand(.tell(names: assignment.names, number: assignment.number))
      // This thread alone, and whatever it starts.
      try assignment.namespace?.enterNetwork()
      let notifier = try Notifier(
        errand, to: clients, timings: assignment.timings, from: assignment.sources)
      return DirectoryNotification(
        notifier: notifier, directory: directory, ledger: ledger, elapsed: assignment.elapsed,
        settled: everybody.filter(\.told), unforgotten: unforgotten, refused: retired.refused,
        names: assignment.names)
    }
  }

  /// How far it is; files that can't be read are clients that are not told.
  public func progress() async throws -> NotificationProgress {
    var progress = notifier.progress
    progress.all += refused.count + settled.count
    progress.told += settled.count
    return progress
  }

  /// Everybody, those among them whose records can't be read.
  public func clients() async throws -> [HistoryEntry.Client] {
    settled + notifier.ledgers.map { HistoryEntry.Client($0, elapsed: elapsed) }
      + refused.map { HistoryEntry.Client(client: $0.name, told: false, problem: "its record: \($0.reason)") }
  }

  func stop() { notifier.stop() }

  func run() async -> String {
    let notifier = notifier
    let unforgotten = await withTaskCancellationHandler {
      await run { _ in }
    } onCancel: {
      notifier.stop()
    }
    let progress = notifier.progress
    return (progress.told == progress.all ? "all were told" : "the time for telling is up")
      + (unforgotten.map { ", but \($0)" } ?? "")
  }

  /// Removes the records of those who are told, until the notifier ends. `onChange` hears of every progress.
  ///
  /// A record that can't be removed stops nobody from being told: at worst its client hears the same number again.
  ///
  /// - Returns: why records of told clients are still there; nil where none is.
  public func run(_ onChange: (NotificationProgress) async -> Void) async -> String? {
    var left = unforgotten
    var problem: String?
    var unwritten: String?
    for await _ in notifier.changes {
      let news = notifier.takeNews()
      left += news.filter(\.isTold).map(\.client)
      do {
        let (ledger, elapsed) = (ledger, elapsed)
        if ledger != nil, !news.isEmpty {
          try await OwnThread.run("lf-notify") { try ledger?.append(news, elapsed: elapsed) }
        }
      } catch {
        unwritten = "it is not written down who has answered: \(error)"
      }
      if !left.isEmpty {
        let (directory, names) = (directory, left)
        do {
          let stuck = try await OwnThread.run("lf-notify") { try directory.forget(names) }
          left = stuck.compactMap(\.client)
          problem = stuck.first.map {
            "\(stuck.count) records of clients that were told can't be removed: \(directory.retired)/\($0.name): "
              + $0.reason
          }
        } catch {
          problem = "the records of \(names.count) clients that were told are still there: \(error)"
        }
      }
      await onChange(notifier.progress)
    }
    return problem ?? unwritten
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
    let literal = candidates.lazy.compactMap { HostAddress(literal: $0.utf8) }.first
    self.init(
      name: name, destination: literal.map { .address($0) } ?? .name(name.text), recency: recency)
  }
}
