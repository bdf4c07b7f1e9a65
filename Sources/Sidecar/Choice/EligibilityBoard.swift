import Cluster
import SharedStore

/// Where each node says in the store for which services it is not eligible: `nodes/<node>/eligibility`.
///
/// A key of its own, since a node that is unwell does not beat and shall still say why.
struct EligibilityBoard: Sendable {
  let node: NodeName
  let store: any SharedStore
  let limit: Duration

  /// Publishes what has changed, and reads the others'; nothing of a peer that has not said anything.
  ///
  /// - Parameter own: nil where this node has no say yet.
  func exchange(_ own: Eligibility?, peers: [NodeName]) async -> [NodeName: Eligibility] {
    var found: [NodeName: Eligibility] = [:]
    do {
      let key = try ClusterKeys.eligibility(node)
      var keys: [NodeName: StoreKey] = [:]
      for peer in peers { keys[peer] = try ClusterKeys.eligibility(peer) }
      let values = try await store.read([key] + keys.values, within: limit)
      for (peer, key) in keys {
        found[peer] = values[key].flatMap { StoreJSON.value(Eligibility.self, $0) }
      }
      if let own {
        let bytes = try StoreJSON.bytes(own)
        if values[key] != bytes {
          _ = try await store.commit(
            StoreTransaction(writes: [.init(key, bytes)], durability: .visible), within: limit)
        }
      }
    } catch {
      // The beat loop reports a store that does not answer.
      return found
    }
    return found
  }
}
