/// A store that several nodes reach: keys with bytes, and transactions that compare by value.
///
/// Linearizable: a committed transaction is seen whole by every later call on any node. A call returns by
/// its time limit whatever the store does; see ``StoreError/Code/timedOut`` for what that leaves open.
public protocol SharedStore: Sendable {
  /// How the operator wrote it, for messages: `directory:/srv/lockferry`.
  var location: String { get }

  /// The bytes of those of `keys` that are there, read one after the other in a single call.
  func read(_ keys: [StoreKey], within limit: Duration) async throws(StoreError) -> [StoreKey: [UInt8]]

  /// Every key below `prefix` (not `prefix` itself) with its bytes, as of one moment.
  func list(below prefix: StoreKey, within limit: Duration) async throws(StoreError) -> [StoreKey: [UInt8]]

  /// Commits all of `transaction` or nothing of it.
  func commit(
    _ transaction: StoreTransaction, within limit: Duration
  ) async throws(StoreError) -> StoreOutcome
}

extension SharedStore {
  /// The bytes of `key`, or nil where it is absent.
  public func read(_ key: StoreKey, within limit: Duration) async throws(StoreError) -> [UInt8]? {
    try await read([key], within: limit)[key]
  }
}
