/// A store in this process's memory, for tests and the simulator. Nothing survives the process.
public actor MemoryStore: SharedStore {
  /// Where it is, for messages.
  public nonisolated let location = "memory"
  private var values: [StoreKey: [UInt8]] = [:]

  /// An empty store.
  public init() {}

  /// The bytes of `key`, or nil where it is absent. Never waits, so `limit` isn't looked at.
  public func read(_ key: StoreKey, within limit: Duration) throws(StoreError) -> [UInt8]? {
    values[key]
  }

  /// Every key below `prefix` with its bytes. Never waits, so `limit` isn't looked at.
  public func list(
    below prefix: StoreKey, within limit: Duration
  ) throws(StoreError) -> [StoreKey: [UInt8]] {
    values.filter { $0.key.isBelow(prefix) }
  }

  /// Commits all of `transaction` or nothing of it. Never waits, so `limit` isn't looked at.
  public func commit(
    _ transaction: StoreTransaction, within limit: Duration
  ) throws(StoreError) -> StoreOutcome {
    try transaction.checkWrites()
    for comparison in transaction.comparisons where values[comparison.key] != comparison.value {
      return .conflict(key: comparison.key, actual: values[comparison.key])
    }
    // What files and folders can't hold, this store refuses as well.
    for write in transaction.writes where write.value != nil {
      for key in values.keys where key.isBelow(write.key) || write.key.isBelow(key) {
        throw .nested(write.key, and: key)
      }
    }
    for write in transaction.writes { values[write.key] = write.value }
    return .committed
  }
}
