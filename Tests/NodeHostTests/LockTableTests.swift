import Glibc
import Testing

@testable import NodeHost

@Suite("The kernel's locks and mounts (B4)")
struct LockTableTests {
  @Test func posixLocksThatAreHeld() throws {
    let table = try LockTable(
      parsing: """
        1: POSIX  ADVISORY  WRITE 42 fe:10:12 100 199
        2: FLOCK  ADVISORY  WRITE 7 fe:01:99 0 EOF
        3: POSIX  ADVISORY  READ 43 00:2e:18446744073709551615 0 EOF
        3: -> POSIX  ADVISORY  WRITE 44 00:2e:18446744073709551615 0 EOF
        4: LEASE  ACTIVE    READ 9 fe:01:98 0 EOF
        5: OFDLCK ADVISORY  WRITE -1 fe:01:97 0 EOF

        """)
    #expect(
      table.locks == [
        .init(
          holder: 42, device: .init(major: 254, minor: 16), inode: 12, isExclusive: true, start: 100, end: 199
        ),
        .init(
          holder: 43, device: .init(major: 0, minor: 46), inode: .max, isExclusive: false, start: 0, end: nil),
      ])
  }

  @Test(
    "Half a table is none",
    arguments: [
      "1: POSIX ADVISORY WRITE 42 fe:10:12 100", "1: POSIX ADVISORY WRITE 42 fe:10 0 EOF",
      "1: POSIX ADVISORY BOTH 42 fe:10:12 0 EOF", "1: POSIX ADVISORY READ x fe:10:12 0 EOF",
    ])
  func damaged(line: String) {
    #expect(throws: NodeHostError.self) { try LockTable(parsing: line + "\n") }
  }

  @Test("This process's own lock is in the kernel's table, and is not lockd's")
  func real() throws {
    let folder = try TemporaryFolder()
    try writeFile(folder.path + "/file", "x".utf8)
    let file = open(folder.path + "/file", O_RDWR)
    defer { close(file) }
    var wanted = flock(l_type: Int16(F_WRLCK), l_whence: 0, l_start: 3, l_len: 4, l_pid: 0)
    try #require(fcntl(file, F_SETLK, &wanted) == 0)
    let table: LockTable
    do {
      table = try LockTable.read()
    } catch {
      // Where tests run in a process namespace of their own, that is the answer that is wanted.
      #expect(error.description.contains("process namespace"))
      return
    }
    var status = stat()
    try #require(fstat(file, &status) == 0)
    let mine = table.locks.filter { $0.inode == UInt64(status.st_ino) && $0.holder == getpid() }
    #expect(mine.map { [$0.start, $0.end] } == [[3, 6]])
    #expect(mine.map(\.isExclusive) == [true])
    #expect(table.ofLockManager.map(\.holder).contains(getpid()) == false)
  }

  @Test func theMountThatShowsIsTheLast() throws {
    let table = MountTable(
      parsing: """
        22 1 254:0 / / rw,relatime - ext4 /dev/root rw
        36 22 98:0 /mnt1 /srv/my\\040home rw,noatime master:1 - ext3 /dev/a rw
        37 36 0:51 / /srv/my\\040home rw - btrfs /dev/b rw
        not a line
        """)
    #expect(table.device(at: "/") == DeviceNumber(major: 254, minor: 0))
    #expect(table.device(at: "/srv/my home") == DeviceNumber(major: 0, minor: 51))
    #expect(table.device(at: "/srv") == nil)
    #expect(try MountTable.read().device(at: "/proc") != nil)
  }
}
