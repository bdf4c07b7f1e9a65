/// Several keys compared and written as one: all writes happen, or none does.
public struct StoreTransaction: Sendable, Equatable {
  /// What must hold for the writes to happen. Compared by value, so that the same protocol holds for
  /// files, SQLite and etcd.
  public struct Comparison: Sendable, Equatable {
    /// The key that is looked at.
    public let key: StoreKey
    /// Its bytes, or nil where the key must be absent.
    public let value: [UInt8]?

    /// `key` holds exactly `value`, or is absent where `value` is nil.
    public init(_ key: StoreKey, equals value: [UInt8]?) {
      self.key = key
      self.value = value
    }
  }

  /// One key's new value.
  public struct Write: Sendable, Equatable {
    /// The key that is written.
    public let key: StoreKey
    /// Its new bytes, or nil to delete it.
    public let value: [UInt8]?

    /// Sets `key` to `value`, or deletes it where `value` is nil.
    public init(_ key: StoreKey, _ value: [UInt8]?) {
      self.key = key
      self.value = value
    }
  }

  /// What a returned commit promises.
  public enum Durability: Sendable, Equatable {
    /// Survives a power cut of this machine and of the store's.
    case durable
    /// Every node sees it; a power cut may lose it. For beats, which are worthless after a power cut.
    case visible
  }

  /// Everything that must hold.
  public var comparisons: [Comparison]
  /// Everything that then happens; no key twice.
  public var writes: [Write]
  /// What the return of the commit promises.
  public var durability: Durability

  /// A transaction; with no comparison it always commits.
  public init(
    comparisons: [Comparison] = [], writes: [Write] = [], durability: Durability = .durable
  ) {
    self.comparisons = comparisons
    self.writes = writes
    self.durability = durability
  }
}

/// How a transaction ended.
public enum StoreOutcome: Sendable, Equatable {
  /// All comparisons held and all writes happened.
  case committed
  /// A comparison did not hold; nothing was written. Names the first such key and what it holds now.
  case conflict(key: StoreKey, actual: [UInt8]?)
}
