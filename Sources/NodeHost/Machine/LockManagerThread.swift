import Glibc

/// lockd, the kernel's lock manager: one thread for all network namespaces, there as long as anything uses it.
public struct LockManagerThread: Sendable, Equatable {
  /// `PF_KTHREAD` of include/linux/sched.h.
  private static let isKernelThread: UInt64 = 0x20_0000

  /// Its process number.
  public let process: Int32
  /// When it started, on the boot clock. No grace period of now began before: each network namespace's begins when the
  /// lock manager gets its first user there (fs/lockd/svc.c, `lockd_up_net`), and that needs the thread.
  public let startedAt: Duration

  /// The one that runs; nil where none does, or where this process can't see it, as in a process namespace of its own.
  public static func find() -> LockManagerThread? {
    guard let proc = try? OpenDirectory("/proc"), let names = try? proc.names() else { return nil }
    let ticks = sysconf(Int32(_SC_CLK_TCK))
    for name in names {
      guard let process = Int32(String(decoding: name, as: UTF8.self)),
        let bytes = try? contentsOfFile("/proc/\(process)/stat", limit: 4096)
      else { continue }
      let line = String(decoding: bytes, as: UTF8.self)
      if let found = LockManagerThread(parsing: line, ticksPerSecond: ticks) { return found }
    }
    return nil
  }

  /// SIGKILL, on which Linux before 6.6 drops every lock of all network namespaces and begins a grace period in the first
  /// (fs/lockd/svc.c, `restart_grace`), as soon as the thread has something to do.
  public func kill() throws(NodeHostError) {
    guard Glibc.kill(process, SIGKILL) == 0 else {
      throw NodeHostError(errno, "lockd, process \(process), can't be sent SIGKILL")
    }
  }

  /// It has not taken the signal yet (`SigPnd` and `ShdPnd` of proc(5)).
  public func isToTakeSignal() throws(NodeHostError) -> Bool {
    let text = try KernelTable.text("/proc/\(process)/status")
    return Self.isPending(SIGKILL, status: text)
  }

  static func isPending(_ signal: Int32, status: String) -> Bool {
    status.split(separator: "\n").contains { line in
      let words = line.split(whereSeparator: \.isWhitespace)
      guard words.count == 2, words[0] == "SigPnd:" || words[0] == "ShdPnd:",
        let mask = UInt64(words[1], radix: 16)
      else { return false }
      return mask & (1 << (UInt64(signal) - 1)) != 0
    }
  }

  /// A line of `/proc/PID/stat` (proc(5)); nil where it is another process's.
  init?(parsing line: String, ticksPerSecond: Int) {
    guard ticksPerSecond > 0, let name = line.firstRange(of: " (lockd) "),
      let process = Int32(line[..<name.lowerBound])
    else { return nil }
    // From the third field on, the state.
    let fields = line[name.upperBound...].split(separator: " ")
    guard fields.count > 19, let flags = UInt64(fields[6]), flags & Self.isKernelThread != 0,
      let ticks = Int64(fields[19])
    else { return nil }
    self.process = process
    startedAt = .milliseconds(ticks * 1000 / Int64(ticksPerSecond))
  }
}
