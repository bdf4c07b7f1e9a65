import Testing

@testable import NodeHost

@Suite("Since when a grace period runs, and how long (M7)")
struct GracePeriodTests {
  private let line =
    "412 (lockd) S 2 0 0 0 -1 2129984 0 0 0 0 0 1 0 0 20 0 1 0 123456 0 0 18446744073709551615 0 0 0 0 0 0 0"

  @Test("The lock manager is a thread of the kernel; the kernel says when it started, in ticks")
  func thread() throws {
    let thread = try #require(LockManagerThread(parsing: line, ticksPerSecond: 100))
    #expect(thread.process == 412 && thread.startedAt == .milliseconds(1_234_560))
  }

  @Test("A program that calls itself lockd is none")
  func otherProcesses() {
    for other in [
      line.replacing("2129984", with: "4194304"), line.replacing("(lockd)", with: "(nfsd)"),
      "412 (a (lockd) b) S 2 0 0 0 -1 2129984 0 0 0 0 0 1 0 0 20 0 1 0 123456 0", "412 (lockd) S 2", "",
    ] {
      #expect(LockManagerThread(parsing: other, ticksPerSecond: 100) == nil, "\(other)")
    }
  }

  @Test("The kernel rounds the length up to whole timeouts; without one it is five of them")
  func length() throws {
    let folder = try TemporaryFolder()
    #expect(GracePeriod.length(sysctl: folder.path) == nil)
    try writeFile(folder.path + "/nlm_timeout", "10\n".utf8)
    for (period, length) in [("0\n", 50), ("90\n", 90), ("91\n", 100)] {
      try writeFile(folder.path + "/nlm_grace_period", period.utf8)
      #expect(GracePeriod.length(sysctl: folder.path) == .seconds(length))
    }
  }
}
