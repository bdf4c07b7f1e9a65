/// A store in this process's memory, for tests and the simulator. Nothing survives the process.
public actor MemoryStore: SharedStore {
  /// Where it is, for messages.
  public nonisolated let location = "memory"
  private var values: [StoreKey: [UInt8]] = [:]
  /// How many keys lie below each folder, so that a write needn't look at every key.
  private var below: [StoreKey: Int] = [:]

  /// An empty store.
  public init() {}

  /// The bytes of those of `keys` that are there. Never waits, so `limit` isn't looked at.
  public func read(_ keys: [StoreKey], within limit: Duration) throws(StoreError) -> [StoreKey: [UInt8]] {
    var found: [StoreKey: [UInt8]] = [:]
    for key in keys { found[key] = values[key] }
    return found
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
      if below[write.key] != nil { throw .keysBelow(write.key) }
      for folder in write.key.foldersAbove where values[folder] != nil {
        throw .nested(write.key, and: folder)
      }
    }
    for write in transaction.writes { put(write) }
    return .committed
  }

  private func put(_ write: StoreTransaction.Write) {
    let change = (write.value == nil ? 0 : 1) - (values[write.key] == nil ? 0 : 1)
    values[write.key] = write.value
    guard change != 0 else { return }
    for folder in write.key.foldersAbove {
      let count = below[folder, default: 0] + change
      below[folder] = count == 0 ? nil : count
    }
  }
}
