/// Every lock that clients held when a service was released: the value of `services/<service>/inventory`.
///
/// Exact only where nobody could take or give back a lock meanwhile, which is why it is taken after the address has gone.
/// After a crash nobody knows, and there is none.
public struct LockInventory: Sendable, Equatable {
  /// More locks than this make no inventory: the value has to fit into the store.
  public static let mostLocks = 10_000

  /// Under which it was taken.
  public let epoch: UInt64
  /// Two clients that share a range are two equal locks here.
  public let locks: [ServiceLock]

  /// An inventory; nil where there are more than ``mostLocks``.
  public init?(epoch: UInt64, locks: [ServiceLock]) {
    guard locks.count <= Self.mostLocks else { return nil }
    self.epoch = epoch
    self.locks = locks
  }

  /// Why the lock manager's table says nothing of what clients hold; nil where it does.
  ///
  /// - Parameters:
  ///   - isServing: the kernel's NFS server serves.
  ///   - graceEnded: what its lock manager says of its grace period; nil where it says nothing.
  public static func obstacle(isServing: Bool, graceEnded: Bool?) -> String? {
    guard isServing else { return "no kernel NFS server serves here, and no other one's locks can be seen" }
    switch graceEnded {
    case true?: return nil
    case false?:
      return "a grace period runs here: clients that have not reclaimed yet hold more than can be seen"
    case nil: return "the kernel does not say whether a grace period runs"
    }
  }

  /// Reads what ``bytes`` wrote; nil where anything in it is something else, since half an inventory is a wrong one.
  public init?(bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self), text.last == "\n" else { return nil }
    var lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false)[...]
    func number(_ key: String) -> UInt64? {
      guard let line = lines.popFirst(), line.hasPrefix(key + ": ") else { return nil }
      return UInt64(line.dropFirst(key.count + 2))
    }
    guard let epoch = number("epoch"), let count = number("locks"), count == UInt64(lines.count) else {
      return nil
    }
    let locks = lines.compactMap(ServiceLock.init(parsing:))
    guard locks.count == lines.count else { return nil }
    self.init(epoch: epoch, locks: locks)
  }

  /// As it stands in the store: one line for each lock, see ``ServiceLock``.
  public var bytes: [UInt8] {
    let lines = ["epoch: \(epoch)", "locks: \(locks.count)"] + locks.map(\.text).sorted()
    return Array(lines.map { $0 + "\n" }.joined().utf8)
  }
}
