/// Decides when a grace period has done its work: as soon as every lock of an exact inventory is back, nobody is left who
/// could reclaim, and new locks may be granted (RFC 1813 section 4 lets a server end it then).
///
/// A lock that never comes back, since its client has died or its program has ended meanwhile, keeps the grace period
/// running for its full length, as it does without an inventory.
public struct ReclaimWatch: Sendable, Equatable {
  /// What follows a look.
  public enum Verdict: Sendable, Equatable {
    /// So many are not back yet.
    case wait(missing: Int)
    /// All are back: end the grace period.
    case end
    /// Nothing is left to do: the grace period is over, and so many had not come back.
    case over(missing: Int)
    /// Others may still reclaim: it has to run for its full length.
    case leave(because: String)
  }

  private let wanted: [ServiceLock: Int]

  /// Watches for the locks of an inventory.
  public init(_ inventory: LockInventory) {
    wanted = Self.counts(inventory.locks)
  }

  /// One look at the serving kernel.
  ///
  /// - Parameters:
  ///   - present: what its lock manager holds on the service's file systems.
  ///   - graceEnded: what the lock manager says of its grace period; nil where it says nothing.
  ///   - others: clients that its lock manager knows besides those of the service.
  public func look(present: [ServiceLock], graceEnded: Bool?, others: [String]) -> Verdict {
    let present = Self.counts(present)
    let missing = wanted.reduce(0) { $0 + max($1.value - present[$1.key, default: 0], 0) }
    guard graceEnded == false else { return .over(missing: missing) }
    if let first = others.sorted().first {
      let more = others.count > 1 ? " and \(others.count - 1) more" : ""
      return .leave(because: "\(first)\(more), no client of the service, may reclaim as well")
    }
    return missing == 0 ? .end : .wait(missing: missing)
  }

  private static func counts(_ locks: [ServiceLock]) -> [ServiceLock: Int] {
    var counts: [ServiceLock: Int] = [:]
    for lock in locks { counts[lock, default: 0] += 1 }
    return counts
  }
}
