/// The locks of every scenario.
enum Locks {
  /// One record lock, and what it is called in logs.
  struct Lock: Sendable {
    var name: String
    var file: String
    var isExclusive: Bool
    var start: Int
    /// 0 reaches to the end of the file.
    var length: Int

    /// As `lab-locks` takes it.
    func argument(below folder: String = Service.home.mount) -> String {
      "\(name):\(folder)/\(file):\(isExclusive ? "w" : "r"):\(start):\(length)"
    }
  }

  /// What the holder holds: whole files and byte ranges, exclusive and shared.
  static let held = [
    Lock(name: "whole-exclusive", file: "whole.dat", isExclusive: true, start: 0, length: 0),
    Lock(name: "range-exclusive", file: "ranges.dat", isExclusive: true, start: 100, length: 100),
    Lock(name: "second-exclusive", file: "ranges.dat", isExclusive: true, start: 300, length: 50),
    Lock(name: "range-shared", file: "ranges.dat", isExclusive: false, start: 1000, length: 10),
    Lock(name: "whole-shared", file: "shared.dat", isExclusive: false, start: 0, length: 0),
  ]

  /// What nobody else may get while the holder lives.
  static let conflicting = [
    Lock(name: "whole-exclusive", file: "whole.dat", isExclusive: true, start: 0, length: 0),
    Lock(name: "whole-shared", file: "whole.dat", isExclusive: false, start: 5, length: 1),
    Lock(name: "range-exclusive", file: "ranges.dat", isExclusive: true, start: 150, length: 10),
    Lock(name: "range-shared", file: "ranges.dat", isExclusive: false, start: 199, length: 1),
    Lock(name: "second-exclusive", file: "ranges.dat", isExclusive: true, start: 340, length: 100),
    Lock(name: "over-shared-range", file: "ranges.dat", isExclusive: true, start: 1009, length: 1),
    Lock(name: "over-shared-whole", file: "shared.dat", isExclusive: true, start: 7, length: 1),
  ]

  /// What anybody may get besides: without these a server that refuses everything would look right.
  static let free = [
    Lock(name: "free-range", file: "ranges.dat", isExclusive: true, start: 5000, length: 10),
    Lock(name: "free-shared", file: "shared.dat", isExclusive: false, start: 3, length: 4),
  ]

  /// Whether a server's lock manager refuses reclaims by now.
  static func graceIsOver(in text: String) -> Bool {
    text.split(separator: "\n").contains("grace-is-over Y")
  }

  /// What a client's lock is on the serving machine, as `/proc/locks` calls it (`lock_get_status` in fs/locks.c).
  enum Kind: String, Sendable {
    /// lockd's, which takes it in the client's place.
    case posix = "POSIX"
    /// NFS-Ganesha's, which has a file of its own open for it (`vfs_lock_op2` in src/FSAL/FSAL_VFS/file.c).
    case openFileDescription = "OFDLCK"
  }

  /// How many of `locks` a server's kernel shows. `text` has lines `inode MAJOR:MINOR:NUMBER PATH`, then those of `/proc/locks`.
  static func count(_ locks: [Lock], of kind: Kind = .posix, in text: String) -> Int {
    let lines = text.split(separator: "\n").map { $0.split(separator: " ") }
    var inodes: [String: String] = [:]
    for line in lines where line.count == 3 && line[0] == "inode" {
      inodes[String(line[2].split(separator: "/").last ?? "")] = inode(line[1])
    }
    // 1: POSIX  ADVISORY  WRITE 42 fe:10:12 100 199
    // 2: OFDLCK ADVISORY  WRITE -1 fe:10:12 100 199
    return locks.count { lock in
      lines.contains { line in
        line.count == 8 && line[1] == kind.rawValue && line[3] == (lock.isExclusive ? "WRITE" : "READ")
          && inodes[lock.file] == String(line[5]) && line[6] == "\(lock.start)"
          && line[7] == (lock.length == 0 ? "EOF" : "\(lock.start + lock.length - 1)")
      }
    }
  }

  /// As `/proc/locks` writes it: `%02x:%02x:%lu` of the file system's device (`lock_get_status` in fs/locks.c).
  private static func inode(_ text: Substring) -> String? {
    let numbers = text.split(separator: ":")
    guard numbers.count == 3, let major = Int(numbers[0]), let minor = Int(numbers[1]) else { return nil }
    return [major, minor].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) + ":" }.joined() + numbers[2]
  }
}
