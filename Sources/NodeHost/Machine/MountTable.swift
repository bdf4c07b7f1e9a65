/// What is mounted where, for the calling thread (proc_pid_mountinfo(5)).
public struct MountTable: Sendable, Equatable {
  /// One mount.
  struct Entry: Equatable {
    var point: String
    var type: String
    var device: DeviceNumber
    /// It needs the lock manager.
    var usesLockManager = false
  }

  /// In the order in which the kernel lists them: what is mounted below another one comes after it.
  let entries: [Entry]

  /// Reads it.
  ///
  /// - Throws: ``NodeHostError`` where there is no `/proc`.
  public static func read() throws(NodeHostError) -> MountTable {
    MountTable(parsing: try KernelTable.text("/proc/thread-self/mountinfo"))
  }

  /// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`
  init(parsing text: String) {
    entries = text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 6, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count else {
        return nil
      }
      guard let device = DeviceNumber(fields[2]) else { return nil }
      return Entry(
        point: unescapedPath(fields[4]), type: String(fields[dash + 1]), device: device,
        usesLockManager: Self.usesLockManager(fields[dash...]))
    }
  }

  /// Where file systems are mounted by NFSv2 or NFSv3 with the help of the lock manager, which stays up as long as they
  /// are (fs/nfs/client.c, `nfs_start_lockd`): mounts with `nolock`, and NFSv4, don't use it.
  public var usersOfLockManager: [String] { entries.filter(\.usesLockManager).map(\.point) }

  /// Behind the dash stand type, source and the file system's own options.
  private static func usesLockManager(_ fields: ArraySlice<Substring>) -> Bool {
    let fields = Array(fields)
    guard fields.count > 3, fields[1] == "nfs" else { return false }
    let options = fields[3].split(separator: ",")
    return (options.contains("vers=3") || options.contains("vers=2"))
      && !options.contains("local_lock=all") && !options.contains("nolock")
  }

  /// Something is mounted exactly there.
  func has(_ point: String) -> Bool { entries.contains { $0.point == point } }

  /// The mount points of every file system that somebody reaches who may go to `paths` and below.
  public func points(reachedBy paths: [String]) -> [String] {
    let above = paths.compactMap { path in
      entries.map(\.point).filter { isPath(path, in: $0) }.max { $0.utf8.count < $1.utf8.count }
    }
    let below = entries.map(\.point).filter { point in paths.contains { isPath(point, in: $0) } }
    return Set(above + below).sorted()
  }

  /// The file system that shows at `point`; nil where that is no mount point.
  public func device(at point: String) -> DeviceNumber? { entries.last { $0.point == point }?.device }
}
