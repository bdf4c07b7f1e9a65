/// What one look has read.
public struct StoreSight: Sendable, Equatable {
  /// The bytes of those keys that are there.
  public var values: [StoreKey: [UInt8]]
  /// For each prefix that could be read every key below it, with its bytes; not as of one moment.
  public var below: [StoreKey: [StoreKey: [UInt8]]] = [:]

  /// A sight of `values` alone.
  public init(values: [StoreKey: [UInt8]]) { self.values = values }
}

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

  /// Reads `keys`, then what may be missing without harm: those of `asides` and what lies below `prefixes`. All of it one
  /// after the other in a single call.
  ///
  /// - Throws: ``StoreError`` where one of `keys` can't be read; what else can't is left out.
  func look(
    at keys: [StoreKey], aside asides: [StoreKey], below prefixes: [StoreKey], within limit: Duration
  ) async throws(StoreError) -> StoreSight
}

extension SharedStore {
  /// The bytes of `key`, or nil where it is absent.
  public func read(_ key: StoreKey, within limit: Duration) async throws(StoreError) -> [UInt8]? {
    try await read([key], within: limit)[key]
  }

  /// In several calls.
  public func look(
    at keys: [StoreKey], aside asides: [StoreKey], below prefixes: [StoreKey], within limit: Duration
  ) async throws(StoreError) -> StoreSight {
    var sight = StoreSight(values: try await read(keys, within: limit))
    for key in asides { if let found = try? await read(key, within: limit) { sight.values[key] = found } }
    for prefix in prefixes { sight.below[prefix] = try? await list(below: prefix, within: limit) }
    return sight
  }
}
