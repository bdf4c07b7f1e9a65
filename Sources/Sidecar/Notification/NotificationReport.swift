import Cluster
public import StatusMonitor

/// What became of a notification: `lockferry notify`.
public struct NotificationReport: Codable, Sendable, Equatable {
  /// The number that clients were told; nil where there was nobody to tell.
  public var stateNumber: Int?
  /// The names under which they were told.
  public var names: [String]
  /// How many were to be told.
  public var all: Int
  /// How many answered to all of it.
  public var told: Int
  /// How long it took.
  public var milliseconds: Int
  /// Everybody.
  public var clients: [HistoryEntry.Client]

  /// A report on these clients.
  public init(number: StateNumber?, names: [String], _ everybody: [HistoryEntry.Client], took: Duration) {
    stateNumber = number.map { Int($0.value) }
    self.names = names
    clients = everybody.sorted { $0.client < $1.client }
    all = clients.count
    told = clients.count { $0.told }
    milliseconds = took.wholeMilliseconds
  }
}

extension HistoryEntry.Client {
  /// As the notifier knows it, which began `elapsed` after the notification did.
  public init(_ ledger: NotificationLedger, elapsed: Duration = .zero) {
    let unsaid = ledger.attempts == 0 ? "its turn has not come yet" : "has not answered yet"
    self.init(
      client: ledger.client.text, told: ledger.isTold,
      problem: ledger.isTold ? nil : ledger.problem.map(\.description) ?? unsaid,
      address: ledger.address?.description, names: ledger.names, attempts: ledger.attempts,
      firstAnswerMilliseconds: ledger.firstAnswer.map { (elapsed + $0).wholeMilliseconds },
      toldMilliseconds: ledger.told.map { (elapsed + $0).wholeMilliseconds })
  }
}
