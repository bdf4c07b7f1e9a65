/// One candidate's part in a vote: its own bid, the others' bids that it has seen, and when its turn comes.
///
/// Nothing here decides who owns the service: whoever believes that its turn has come claims it by compare-and-set.
struct Ballot: Sendable, Equatable {
  /// The epoch that the winner will have.
  let epoch: UInt64
  /// Why there is a vote: the owner's last beat, or its release. Bids for the same epoch are left over where an owner
  /// was silent, came back, and is silent again.
  let occasion: String
  /// False where the last decision had no use for it.
  var isNeeded = true
  /// This node's bid is on its way to the store.
  private(set) var isPlacing = false
  /// This node's bid, and when it was known to be in the store.
  private(set) var placed: (bid: Bid, at: BootInstant)?
  /// Since when this node may claim, if its turn comes; nil while it may not.
  private(set) var openSince: BootInstant?
  private var others: [NodeName: Bid] = [:]
  private var seenAt: BootInstant?

  init(epoch: UInt64, occasion: String) {
    self.epoch = epoch
    self.occasion = occasion
  }

  static func == (left: Ballot, right: Ballot) -> Bool {
    left.epoch == right.epoch && left.occasion == right.occasion && left.isNeeded == right.isNeeded
      && left.isPlacing == right.isPlacing && left.placed?.bid == right.placed?.bid
      && left.placed?.at == right.placed?.at && left.openSince == right.openSince
      && left.others == right.others && left.seenAt == right.seenAt
  }

  /// The bid shall be placed; true where it is not on its way and not there.
  mutating func places() -> Bool {
    guard !isPlacing, placed == nil else { return false }
    isPlacing = true
    return true
  }

  /// The bid is in the store, or, where it is nil, not known to be.
  mutating func onPlaced(_ bid: Bid?, now: BootInstant) {
    isPlacing = false
    placed = bid.map { ($0, now) }
  }

  /// The bids of a look that began at `startedAt`.
  mutating func onLook(_ bids: [NodeName: [UInt8]], startedAt: BootInstant) {
    others = bids.compactMapValues(Bid.init(bytes:)).filter { $0.value.occasion == occasion }
    seenAt = startedAt
  }

  /// This node may claim from now on, or may not.
  mutating func onPermission(_ isOpen: Bool, now: BootInstant) {
    openSince = isOpen ? openSince ?? now : nil
  }

  /// Whose bids come before this node's; everybody's before this node has bid.
  ///
  /// - Parameter counts: whether what a candidate bids counts.
  func better(
    than node: NodeName, among candidates: [NodeName], where counts: (NodeName, Bid) -> Bool
  ) -> [NodeName] {
    guard let own = placed?.bid, let place = candidates.firstIndex(of: node) else { return candidates }
    return candidates.enumerated().filter { index, candidate in
      guard candidate != node, let bid = others[candidate], counts(candidate, bid) else { return false }
      return bid.beats(own) ?? (index < place)
    }.map(\.element)
  }

  /// When the turn of whoever has `rank` comes: each that does not use it costs the others one more wait. Nil before
  /// the bid is in the store and this node may claim.
  func turn(_ rank: Int, wait: Duration) -> BootInstant? {
    guard let placed, let openSince else { return nil }
    return max(placed.at + wait, openSince) + wait * rank
  }

  /// The last look has seen whatever was placed in time.
  func hasWaited(_ wait: Duration) -> Bool {
    guard let placed, let seenAt else { return false }
    return seenAt >= placed.at + wait
  }
}

/// This node's bid, to be written where the owner key is as seen.
public struct BidPlacement: Sendable, Equatable {
  /// The service.
  public var service: ServiceName
  /// The epoch that the winner will have.
  public var epoch: UInt64
  /// The owner key as seen; a bid that comes when it has changed is too late.
  public var owner: [UInt8]?
  var priority: Int
  var run: String
  var occasion: String

  /// The bid, when the load is known.
  public func bid(load: Load?) -> Bid {
    Bid(priority: priority, load: load, run: run, occasion: occasion)
  }
}

/// How the placing of a bid ended.
public enum BidOutcome: Sendable, Equatable {
  /// It is in the store.
  case placed
  /// The owner key has changed: somebody was elected already.
  case tooLate
  /// Not known to have happened.
  case failed
}

/// Bids that a look has to show.
public struct Poll: Sendable, Equatable {
  /// The service.
  public var service: ServiceName
  /// The epoch that the winner will have.
  public var epoch: UInt64
  /// Who may have bid.
  public var candidates: [NodeName]
}
