import Glibc

/// What a daemon costs that holds all records and has nothing to do but beat, look and probe.
struct IdleDaemon {
  /// MiB resident.
  static let memoryAim = 40.0
  /// Percent of one processor.
  static let processorAim = 0.2
  /// What a start leaves to do ends in this time.
  private static let settling: UInt32 = 20

  let seconds: UInt32

  func run(_ node: Node) throws -> Bool {
    let daemon = try node.start()
    try daemon.waitUntilMirrored(Records.count, looking: .milliseconds(500), within: .seconds(300))
    sleep(Self.settling)
    let (before, began) = (try processorTime(daemon.process), ContinuousClock.now)
    sleep(seconds)
    let (after, ended) = (try processorTime(daemon.process), ContinuousClock.now)
    let used = after - before
    let percent = used / (ended - began) * 100
    let (resident, highest) = (
      try memory("VmRSS", daemon.process), try memory("VmHWM", daemon.process)
    )
    try daemon.stop()
    print("idle with \(Records.count) records for \(seconds) s")
    print(
      "  processor: \(Figures.milliseconds(used)), \(Figures.text(percent)) % of one (aim: under "
        + "\(Figures.text(Self.processorAim)) %\(percent < Self.processorAim ? "" : ", MISSED"))")
    print(
      "  resident: \(Figures.text(resident)) MiB, at most so far \(Figures.text(highest)) MiB (aim: under "
        + "\(Figures.text(Self.memoryAim)) MiB\(resident < Self.memoryAim ? "" : ", MISSED"))")
    return percent < Self.processorAim && resident < Self.memoryAim
  }

  /// utime + stime of proc(5), of all threads that the process has and had.
  private func processorTime(_ process: pid_t) throws -> Duration {
    let text = String(decoding: try Disk.contents("/proc/\(process)/stat"), as: UTF8.self)
    // The name in parentheses may hold anything; what follows begins with field 3.
    let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
    guard fields.count > 13, let user = Int(fields[12]), let system = Int(fields[13]) else {
      throw Failure("/proc/\(process)/stat can't be read")
    }
    return .milliseconds((user + system) * 1000 / sysconf(Int32(_SC_CLK_TCK)))
  }

  /// A line of /proc/PID/status, in MiB.
  private func memory(_ name: String, _ process: pid_t) throws -> Double {
    let text = String(decoding: try Disk.contents("/proc/\(process)/status"), as: UTF8.self)
    for line in text.split(separator: "\n") where line.hasPrefix(name + ":") {
      if let kibibytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Double($0) })
      {
        return kibibytes / 1024
      }
    }
    throw Failure("/proc/\(process)/status has no \(name)")
  }
}
