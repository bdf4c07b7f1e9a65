import Cluster
import SharedStore

/// `services/<service>/inventory`, which counts once.
enum StoredInventory {
  /// Takes the inventory that the owner before `epoch` has left out of the store.
  ///
  /// It must be gone before anybody ends a grace period by it: from then on clients take locks that it does not list, and
  /// whoever went through this adoption again, after a crash, would end the next grace period before those are back.
  ///
  /// - Parameter commit: writes under the owner's epoch, with one more comparison, or throws.
  /// - Returns: nil where there is none that counts.
  static func take(
    _ service: ServiceName, epoch: UInt64, from store: any SharedStore, within limit: Duration,
    commit: (StoreTransaction.Write, StoreTransaction.Comparison) async throws -> Void
  ) async throws -> LockInventory? {
    let key = try ClusterKeys.inventory(service)
    guard let bytes = try await store.read(key, within: limit), let inventory = LockInventory(bytes: bytes),
      inventory.epoch < epoch, inventory.epoch + 1 == epoch
    else { return nil }
    try await commit(.init(key, nil), .init(key, equals: bytes))
    return inventory
  }
}
