import Cluster
import SharedStore

extension SharedStore {
  /// The number of the next entry in the history of `service`. Entries are never removed, so it grows.
  func nextHistoryNumber(of service: ServiceName, within limit: Duration) async throws(StoreError) -> Int {
    let past = try await list(below: try ClusterKeys.history(service), within: max(limit, .seconds(10)))
    return (past.keys.compactMap { $0.components.last.flatMap { Int($0) } }.max() ?? 0) + 1
  }
}
