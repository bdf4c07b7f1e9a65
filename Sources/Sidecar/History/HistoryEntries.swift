import Cluster
import SharedStore

/// What the store knows of a service's past.
struct HistoryEntries: Sendable {
  /// The number of the last entry, also where that can't be read; 0 where there is none.
  let last: Int
  /// Those that can be read, in order.
  let entries: [HistoryEntry]

  /// Reads all of it, without the clients.
  static func read(
    _ service: ServiceName, in store: any SharedStore, within limit: Duration
  ) async throws(StoreError) -> HistoryEntries {
    let values = try await store.list(
      below: try ClusterKeys.history(service), within: max(limit, .seconds(10)))
    return HistoryEntries(
      last: values.keys.compactMap { $0.components.last.flatMap { Int($0) } }.max() ?? 0,
      entries: values.values.compactMap { StoreJSON.value(HistoryEntry.self, $0) }
        .sorted { $0.number < $1.number })
  }

  /// What says of entries that are still running that nobody works on them.
  static func abandon(
    _ entries: [HistoryEntry], of service: ServiceName
  ) throws -> [StoreTransaction.Write] {
    try entries.filter { $0.outcome == "running" }.map { entry in
      var entry = entry
      entry.outcome = "failed"
      entry.problem =
        "the daemon ended before the clients were told; while a grace period runs, `lockferry notify \(service)` tells "
        + "them"
      return .init(try ClusterKeys.history(service, number: entry.number), try StoreJSON.bytes(entry))
    }
  }

  /// What says of recoveries that are still open that nobody follows them any more.
  static func abandonRecoveries(
    _ entries: [HistoryEntry], of service: ServiceName, because why: String
  ) throws -> [StoreTransaction.Write] {
    try entries.filter { $0.recovery?.state == "open" }.map { entry in
      var entry = entry
      entry.recovery?.state = "abandoned"
      entry.recovery?.endsBy = nil
      entry.recovery?.endedAt = WallClock.now
      entry.recovery?.ended = why
      return .init(try ClusterKeys.history(service, number: entry.number), try StoreJSON.bytes(entry))
    }
  }
}
