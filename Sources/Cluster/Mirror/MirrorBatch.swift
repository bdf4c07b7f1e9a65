public import StatusMonitor

/// Records on their way to the store: one transaction.
public struct MirrorBatch: Sendable, Equatable {
  /// The most records of a first batch: enough to share the cost of a transaction, few enough that beats need
  /// not wait long even for a slow store.
  public static let usual = 256
  /// The most records of one batch where the store has shown that it is fast.
  public static let largest = 2048
  /// A full batch that took no longer than this is followed by one twice as large.
  public static let quick = Duration.milliseconds(100)
  /// A batch that took longer than this is followed by one half as large.
  public static let slow = Duration.milliseconds(400)

  /// One record's change.
  public struct Change: Sendable, Equatable {
    /// The client.
    public var client: ClientName
    /// The record's bytes, or nil where it is deleted.
    public var record: [UInt8]?

    /// A change.
    public init(_ client: ClientName, _ record: [UInt8]?) {
      self.client = client
      self.record = record
    }
  }

  /// Tells batches apart.
  public var number: UInt64
  /// At least one, none twice for a client.
  public var changes: [Change]
  /// The owner key has to change with it (``Ownership/renewed``): an earlier batch may still be under way, and must find
  /// another key than the one that it compares.
  public var renewsOwner: Bool
}

/// What the mirror's shell shall do.
public enum MirrorDirective: Sendable, Equatable {
  /// Commit this batch and report its end; there is one at a time.
  case commit(MirrorBatch)
  /// Look now whether these have a file, and report each by ``MirrorInstance/onWritten(_:_:now:)`` or all others by
  /// ``MirrorInstance/onAbsent(_:now:)``: they are to be deleted.
  case lookFor(Set<ClientName>)
  /// Call ``MirrorInstance/onTimer(now:)`` at this moment; an earlier wake-up is void.
  case wake(at: BootInstant)
  /// Tell the callout that waits with this ticket.
  case answer(ticket: UInt64, CalloutVerdict)
}

/// What a callout is told of its record.
public enum CalloutVerdict: Sendable, Equatable {
  /// In the store, under the owner's epoch.
  case durable
  /// Not known to be in the store. It will be tried again, but the client does not wait for that.
  case notDurable(because: String)
}
