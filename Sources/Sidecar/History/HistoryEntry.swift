/// One adoption or release, as it happened: `lockferry history`.
public struct HistoryEntry: Codable, Sendable, Equatable {
  /// Counts up per service from 1.
  public var number: Int
  /// The service.
  public var service: String
  /// `adoption`, `opening`, `release`, `closing`, `notification`, or `request` for one that ended without any of them.
  public var kind: String
  /// The owner before; nil where there was none.
  public var from: String?
  /// The node that ran the plan, or for a release the node that it was meant for.
  public var to: String?
  /// The epoch under which it ran.
  public var epoch: Int
  /// `missed beats of a`, `asked by root: TEXT`, …
  public var because: String
  /// Wall clock, ISO 8601 in UTC with milliseconds.
  public var startedAt: String
  /// From the first step to the end.
  public var milliseconds: Int
  /// `done`, `failed`, `cancelled` for a request that was taken back, or `running` for a notification that goes on or was interrupted.
  public var outcome: String
  /// Why it failed and what to do.
  public var problem: String?
  /// The state number that clients were told; nil where none was.
  public var stateNumber: Int?
  /// Every step in order.
  public var steps: [Step]
  /// The operator's request that it answered.
  public var request: String?
  /// The names under which clients were told; nil where that is not known.
  public var names: [String]?
  /// How many clients were to be told.
  public private(set) var clientCount = 0
  /// How many of them were not.
  public private(set) var untoldCount = 0
  /// Some of those who were not told, ``mostUntold`` at most.
  public private(set) var untold: [Client] = []
  /// Where the store keeps the clients, see ``HistoryLedger``; nil where there were none.
  public var ledger: Ledger?
  /// Every client: in the answer for this one entry, nil in a list and in the store.
  public var clients: [Client]?
  /// What became of the clients' locks; nil where nobody was to reclaim any.
  public var recovery: Recovery?

  /// How many are in ``untold``.
  static let mostUntold = 20

  /// Notes what became of everybody.
  mutating func count(_ clients: [Client]) {
    clientCount = clients.count
    let missed = clients.filter { !$0.told }
    untoldCount = missed.count
    untold = Array(missed.prefix(Self.mostUntold))
  }

  /// The parts of a ledger: `services/<service>/ledger/<n>/<first>` and those after it.
  public struct Ledger: Codable, Sendable, Equatable {
    /// The first part's number.
    public var first: Int
    /// How many there are.
    public var count: Int
  }

  /// One step.
  public struct Step: Codable, Sendable, Equatable {
    /// `claim`, `fence`, `storage`, `records`, `state`, `server`, `address`, `notify`, `verify`, …
    public var step: String
    /// What it did, in words.
    public var detail: String
    /// `done`, `skipped` or `failed`.
    public var state: String
    /// Milliseconds from the start of the plan to the start of the step.
    public var startedAtMilliseconds: Int
    /// How long it took.
    public var milliseconds: Int
  }

  /// One client.
  public struct Client: Codable, Sendable, Equatable {
    /// The record's name.
    public var client: String
    /// It answered the notification. That is no proof that it reclaimed.
    public var told: Bool
    /// What went wrong, where anything did.
    public var problem: String?
    /// Where it was asked; nil where that is not known.
    public var address: String?
    /// The names under which it answered; nil: all of the entry's, if it was told.
    public var names: [String]?
    /// How often it was tried; nil where that is not known.
    public var attempts: Int?
    /// Milliseconds from the start of the notification to its first answer.
    public var firstAnswerMilliseconds: Int?
    /// Milliseconds from the start of the notification to the last answer that was needed.
    public var toldMilliseconds: Int?
    /// When its record had reached the store, wall clock of the store's file system, ISO 8601; nil where that is not known.
    public var mirroredAt: String?
    /// As in ``Recovery``: `pending`, `registered`, `safe`, `possibly_lost` or `lost`; nil where the entry has none.
    public var outcome: String?
    /// Milliseconds from the start of the notification until the client's record was written again.
    public var registeredMilliseconds: Int?
    /// What is known of its locks, where it did not simply register again.
    public var why: String?
  }
}
