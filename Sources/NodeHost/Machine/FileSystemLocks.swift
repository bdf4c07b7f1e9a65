import Glibc

/// The locks that this network namespace's lock manager holds on a file system.
public enum FileSystemLocks {
  private static let path = "/proc/fs/nfsd/unlock_filesystem"

  /// Lets the lock manager drop all locks of its clients on the file system that is mounted at `mount` (fs/nfsd/nfsctl.c,
  /// `write_unlock_fs`; from Linux 6.9 on NFSv4's state as well). Nobody is told: their locks have to be reclaimed
  /// elsewhere.
  ///
  /// - Returns: false where this kernel has no NFS server, and so no such locks.
  /// - Throws: ``NodeHostError``: `absent`, nothing is mounted there: the kernel would take the file system around it.
  public static func drop(at mount: String) throws(NodeHostError) -> Bool {
    guard access(path, F_OK) == 0 else { return false }
    guard try MountTable.read().device(at: mount) != nil else {
      throw NodeHostError(.absent, "nothing is mounted at \(mount), so no locks are dropped there")
    }
    let file = try Descriptor.open(path, O_WRONLY)
    // Without the line feed the kernel refuses it (fs/nfsd/nfsctl.c).
    if let failure = file.write(Array((escapedPath(mount) + "\n").utf8)) {
      throw NodeHostError(failure, "\(path), for \(mount)")
    }
    return true
  }
}
