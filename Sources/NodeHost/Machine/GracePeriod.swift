import Glibc

/// The grace period of this network namespace's lock manager.
public enum GracePeriod {
  private static let path = "/proc/fs/lockd/nlm_end_grace"

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
