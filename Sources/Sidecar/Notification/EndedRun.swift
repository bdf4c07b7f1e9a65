import NodeHost
import StatusMonitor

/// What another daemon's run has left behind, where nothing is to be done any more.
struct EndedRun: NotificationRun {
  private let everybody: [HistoryEntry.Client]

  /// Every client says by which names it answered.
  var names: [String] { [] }

  /// The run that this ledger is of, and `left` the clients whose records are there.
  static func of(_ ledger: AttemptLedger, left: Set<ClientName>) async throws -> EndedRun {
    EndedRun(everybody: try await OwnThread.run("lf-notify") { ledger.clients(left: left) })
  }

  func progress() async throws -> NotificationProgress {
    NotificationProgress(all: everybody.count, told: everybody.count { $0.told }, underWay: 0)
  }

  func clients() async throws -> [HistoryEntry.Client] { everybody }

  func run() async -> String {
    everybody.allSatisfy(\.told) ? "all were told" : "the time for telling is up"
  }

  func stop() {}
}
