/// A file system's device, as the kernel prints it; btrfs and others have one for the file system that differs from what
/// stat(2) says of its files.
public struct DeviceNumber: Hashable, Sendable {
  /// Major number.
  public var major: UInt32
  /// Minor number.
  public var minor: UInt32

  /// A device.
  public init(major: UInt32, minor: UInt32) {
    (self.major, self.minor) = (major, minor)
  }
}

/// What is mounted where, in this process's view: `/proc/self/mountinfo` (proc(5)).
public struct MountTable: Sendable, Equatable {
  private let devices: [String: DeviceNumber]
  /// Where file systems are mounted by NFSv2 or NFSv3 with the help of the lock manager, which stays up as long as they
  /// are (fs/nfs/client.c, `nfs_start_lockd`): mounts with `nolock`, and NFSv4, don't use it.
  public let usersOfLockManager: [String]

  /// Reads the kernel's table.
  public static func read() throws(NodeHostError) -> MountTable {
    MountTable(parsing: try KernelTable.text("/proc/self/mountinfo"))
  }

  /// Lines that are none are left out. Of several at one place the last is the one that shows.
  init(parsing text: String) {
    var devices: [String: DeviceNumber] = [:]
    var users: [String] = []
    for line in text.split(separator: "\n") {
      // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw
      let words = line.split(separator: " ")
      guard words.count > 5 else { continue }
      let numbers = words[2].split(separator: ":").compactMap { UInt32($0) }
      guard numbers.count == 2 else { continue }
      let path = Self.path(words[4])
      devices[path] = DeviceNumber(major: numbers[0], minor: numbers[1])
      if Self.usesLockManager(words) { users.append(path) }
    }
    self.devices = devices
    usersOfLockManager = users
  }

  /// The file system that is mounted at `path`; nil where that is no mount point.
  public func device(at path: String) -> DeviceNumber? { devices[path] }

  /// Behind the dash stand type, source and the file system's own options (proc(5)).
  private static func usesLockManager(_ words: [Substring]) -> Bool {
    guard let dash = words.firstIndex(of: "-"), words.count > dash + 3, words[dash + 1] == "nfs" else {
      return false
    }
    let options = words[dash + 3].split(separator: ",")
    return (options.contains("vers=3") || options.contains("vers=2"))
      && !options.contains("local_lock=all") && !options.contains("nolock")
  }

  /// The kernel writes blanks, tabs, line feeds and backslashes as three octal digits (fs/proc_namespace.c).
  private static func path(_ word: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(word.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.count >= 3,
        let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
      {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
