import Glibc

/// The grace period of this network namespace's lock manager.
public enum GracePeriod {
  private static let path = "/proc/fs/lockd/nlm_end_grace"

  /// How long one that begins now lasts: `nlm_grace_period`, else five times `nlm_timeout` (fs/lockd/svc.c,
  /// `get_lockd_grace_period`); nil where the kernel has no lockd loaded.
  public static func length() -> Duration? { length(sysctl: "/proc/sys/fs/nfs") }

  static func length(sysctl folder: String) -> Duration? {
    func number(_ name: String) -> Int? {
      guard let text = try? KernelTable.text("\(folder)/\(name)") else { return nil }
      return Int(text.filter { !$0.isWhitespace })
    }
    guard let timeout = number("nlm_timeout"), timeout > 0, let period = number("nlm_grace_period") else {
      return nil
    }
    return .seconds(period > 0 ? (period + timeout - 1) / timeout * timeout : 5 * timeout)
  }

  /// Sets how long one that begins later lasts: seconds, rounded up, of which the kernel takes 240 at most. Where it has no
  /// lockd loaded yet, nothing.
  public static func set(length: Duration) throws(NodeHostError) {
    let path = "/proc/sys/fs/nfs/nlm_grace_period"
    let seconds = length.components.seconds + (length.components.attoseconds > 0 ? 1 : 0)
    let number = open(path, O_WRONLY | O_CLOEXEC)
    guard number >= 0 else {
      if errno == ENOENT { return }
      throw NodeHostError(errno, path)
    }
    let file = Descriptor(owning: number)
    let text = Array("\(min(max(seconds, 1), 240))\n".utf8)
    guard write(file.number, text, text.count) == text.count else { throw NodeHostError(errno, path) }
  }

  /// What is left, at least, of one that runs now; nil where nothing shows since when it runs, as where the lock manager
  /// is older than any grace period may be: it is one thread for all network namespaces.
  public static func left() -> Duration? {
    guard let thread = LockManagerThread.find(), let length = length() else { return nil }
    let left = thread.startedAt + length - BootClock.now
    return left > .zero ? left : nil
  }

  /// Ends it: new locks are granted from now on, and reclaims refused (fs/lockd/procfs.c, `nlm_end_grace_write`). Without
  /// effect where it is over.
  public static func end() throws(NodeHostError) {
    let number = open(path, O_WRONLY | O_CLOEXEC)
    guard number >= 0 else { throw NodeHostError(errno, path) }
    let file = Descriptor(owning: number)
    let count = withUnsafeBytes(of: UInt8(ascii: "Y")) { write(file.number, $0.baseAddress, 1) }
    guard count == 1 else { throw NodeHostError(errno, path) }
  }
}
