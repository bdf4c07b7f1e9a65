import Cluster

extension HistoryEntry {
  /// What became of the clients of a service that moved: how many of each outcome, and how many of the locks are back.
  public struct Recovery: Codable, Sendable, Equatable {
    /// `open` while clients may reclaim, then `closed`; `abandoned` where nobody followed it to its end, as when the
    /// service moved on before: then the entry of that move says what became of those who are pending.
    public var state: String
    /// When the first client could be told, wall clock, ISO 8601.
    public var startedAt: String
    /// Until when an open one lasts at most, as far as that is known, wall clock.
    public var endsBy: String?
    /// When it ended, wall clock.
    public var endedAt: String?
    /// How it ended, in words.
    public var ended: String?
    /// The record was written again while locks could be reclaimed.
    public var registered = 0
    /// Not registered again, and lost nothing: it had no lock to lose.
    public var safe = 0
    /// Told, and not registered again: lost is what it still held.
    public var possiblyLost = 0
    /// Not told in time, or refused: lost is what it held.
    public var lost = 0
    /// Not known yet.
    public var pending = 0
    /// Locks that clients held when the service was released; nil where nobody could know.
    public var locksHeld: Int?
    /// Of these, back.
    public var locksBack: Int?

    /// Clients in all.
    public var all: Int { registered + safe + possiblyLost + lost + pending }
    /// Whether anybody has lost anything is not known, or not yet.
    public var isUndecided: Bool { state == "open" || pending > 0 }
    /// Somebody has lost a lock, or may have.
    public var hasLoss: Bool {
      lost + possiblyLost > 0 || state == "closed" && (locksBack ?? 0) < (locksHeld ?? 0)
    }
  }
}

extension RecoveryLedger.Verdict {
  /// ``HistoryEntry/Client/outcome``
  var outcome: String {
    switch self {
    case .pending: "pending"
    case .registered: "registered"
    case .heldNothing, .restarted: "safe"
    case .silent, .unwatched: "possibly_lost"
    case .untold, .refused: "lost"
    }
  }
}

extension HistoryEntry.Recovery {
  /// Of clients whom nobody has followed; nil where there are none.
  static func unknown(of clients: Int) -> HistoryEntry.Recovery? {
    guard clients > 0 else { return nil }
    return HistoryEntry.Recovery(
      state: "abandoned", startedAt: WallClock.now, endedAt: WallClock.now,
      ended: "the daemon ended, and what it had noted of it is lost", pending: clients)
  }

  /// The counts of a ledger.
  mutating func count(_ ledger: RecoveryLedger) {
    (registered, safe, possiblyLost, lost, pending) = (0, 0, 0, 0, 0)
    for (verdict, count) in ledger.counts {
      switch verdict {
      case .pending: pending += count
      case .registered: registered += count
      case .heldNothing, .restarted: safe += count
      case .silent, .unwatched: possiblyLost += count
      case .untold, .refused: lost += count
      }
    }
    (locksHeld, locksBack) = (ledger.locks?.held, ledger.locks?.back)
  }

  /// One line for people: `7 of 10 clients registered again, 2 may have lost locks, …`
  public var text: String {
    var parts = ["\(registered) of \(all) clients registered again"]
    if safe > 0 { parts.append("\(safe) had nothing to lose") }
    if possiblyLost > 0 { parts.append("\(possiblyLost) may have lost locks") }
    if lost > 0 { parts.append("\(lost) lost what they held") }
    if let locksHeld { parts.append("\(locksBack ?? 0) of \(locksHeld) locks back") }
    switch state {
    case "open":
      return "so far " + parts.joined(separator: ", ") + (endsBy.map { "; the rest by \($0)" } ?? "")
    default:
      if pending > 0 { parts.append("of \(pending) nothing is known") }
      return parts.joined(separator: ", ") + (ended.map { " (\($0))" } ?? "")
    }
  }
}
