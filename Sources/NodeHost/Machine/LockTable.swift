import Glibc

/// The kernel's table of file locks: `/proc/locks` (proc(5)).
public struct LockTable: Sendable, Equatable {
  /// One POSIX lock that is held.
  public struct Lock: Sendable, Equatable {
    /// Who holds it; for an NFSv3 client's lock, lockd (fs/lockd/svclock.c sets it in `nlmsvc_retrieve_args`).
    public var holder: Int32
    /// The file system, as in `/proc/self/mountinfo`.
    public var device: DeviceNumber
    /// The file.
    public var inode: UInt64
    /// Exclusive or shared.
    public var isExclusive: Bool
    /// Its first byte.
    public var start: UInt64
    /// Its last byte; nil reaches to the end of the file.
    public var end: UInt64?
  }

  /// What is held, in the kernel's order. Whoever only waits for a lock, flock(2) and leases are not in it.
  public let locks: [Lock]

  /// Reads the kernel's table.
  ///
  /// - Throws: ``NodeHostError`` where there is none, where a line can't be read, or in a process namespace of its own,
  ///   to which the kernel does not show locks of processes outside, lockd's among them (fs/locks.c, `locks_show`).
  public static func read() throws(NodeHostError) -> LockTable {
    guard isInInitialProcessNamespace else {
      throw NodeHostError(
        .conflict,
        "lockferry runs in a process namespace of its own, to which /proc/locks does not show lockd's locks")
    }
    return try LockTable(parsing: try KernelTable.text("/proc/locks"))
  }

  /// - Throws: ``NodeHostError`` where a line is not as proc(5) has it: half a table is a wrong one.
  init(parsing text: String) throws(NodeHostError) {
    var locks: [Lock] = []
    for line in text.split(separator: "\n") {
      // 1: POSIX  ADVISORY  WRITE 42 fe:10:12 100 199; one that waits has "->" before its kind.
      let words = line.split(separator: " ")
      guard words.count > 1, words[1] == "POSIX" else { continue }
      guard words.count == 8, let holder = Int32(words[4]), let start = UInt64(words[6]),
        words[7] == "EOF" || UInt64(words[7]) != nil, words[3] == "READ" || words[3] == "WRITE",
        let file = Self.file(words[5])
      else { throw NodeHostError(.failed, "/proc/locks has a line that is none: \(line)") }
      locks.append(
        Lock(
          holder: holder, device: file.device, inode: file.inode, isExclusive: words[3] == "WRITE",
          start: start,
          end: UInt64(words[7])))
    }
    self.locks = locks
  }

  /// `fe:10:12`: the device's numbers in hexadecimal digits, the file's in decimal ones.
  private static func file(_ word: Substring) -> (device: DeviceNumber, inode: UInt64)? {
    let parts = word.split(separator: ":")
    guard parts.count == 3, let major = UInt32(parts[0], radix: 16),
      let minor = UInt32(parts[1], radix: 16), let inode = UInt64(parts[2])
    else { return nil }
    return (DeviceNumber(major: major, minor: minor), inode)
  }

  /// Those that lockd holds for NFSv3 clients.
  public var ofLockManager: [Lock] {
    var isLockManager: [Int32: Bool] = [:]
    return locks.filter { lock in
      if let known = isLockManager[lock.holder] { return known }
      let answer = (try? KernelTable.text("/proc/\(lock.holder)/comm")) == "lockd\n"
      isLockManager[lock.holder] = answer
      return answer
    }
  }

  /// The kernel gives the first process namespace this number (include/linux/proc_ns.h, `PROC_PID_INIT_INO`).
  private static var isInInitialProcessNamespace: Bool {
    var target = [CChar](repeating: 0, count: 64)
    let length = readlink("/proc/self/ns/pid", &target, target.count)
    guard length > 0 else { return false }
    return String(decoding: target.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
      == "pid:[4026531836]"
  }
}
