/// Whether clients that are told now that their server has restarted could still reclaim their locks.
///
/// Outside a grace period a server refuses reclaims, and a Linux client then forgets its lock and tells nobody
/// (fs/lockd/clntproc.c, `nlmclnt_reclaim`). One rule for an adoption that only notifies and for `lockferry notify`.
public enum ReclaimWindow: Sendable, Equatable {
  /// No kernel NFS server serves here, or it has no lock manager: whoever serves has a grace period that nobody can see.
  case unseen
  /// No grace period runs.
  case closed
  /// One runs, and at least so much of it is left; nil where nothing shows since when it runs.
  case open(left: Duration?)

  /// What the kernel says.
  ///
  /// - Parameters:
  ///   - isServing: its NFS server has threads.
  ///   - graceEnded: what its lock manager says of its grace period; nil where it says nothing.
  ///   - left: of the grace period, at least; nil where that is not known.
  public init(isServing: Bool, graceEnded: Bool?, left: Duration?) {
    switch graceEnded {
    case true? where isServing: self = .closed
    case false? where isServing: self = .open(left: left)
    default: self = .unseen
    }
  }

  /// What must be left of a grace period of `length`: time to reclaim in, or to withdraw, but never more than half of what
  /// there is.
  public static func reserve(of length: Duration, stopTime: Duration) -> Duration {
    min(max(length / 4, stopTime), length / 2)
  }

  /// Why nobody may be told now; nil where clients may be, as far as the kernel says.
  public func obstacle(reserve: Duration) -> String? {
    let loss = "try to reclaim, are refused, and forget their locks"
    switch self {
    case .unseen: return nil
    case .closed:
      return
        "no grace period runs here (/proc/fs/lockd/nlm_end_grace says Y, or Ganesha's get_grace false): clients that are told "
        + "now \(loss)"
    case .open(nil):
      return
        "a grace period runs here, and nothing shows since when: clients that are told at its very end \(loss)"
    case .open(let left?) where left < reserve:
      return
        "of the grace period that runs here \(DurationText.text(left.wholeSeconds)) are left, less than the "
        + "\(DurationText.text(reserve)) that clients are given: those that come too late \(loss)"
    case .open: return nil
    }
  }
}

extension Duration {
  fileprivate var wholeSeconds: Duration { .seconds(components.seconds) }
}
