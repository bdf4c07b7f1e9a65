import Glibc

/// The NFS service of this machine as a whole, run by systemd where that knows it, else by its programs.
///
/// Each of its deeds may be done again, and does nothing where it is done.
public struct NFSService: Sendable {
  /// Longer than nfsd takes to let go of a disk that is slow.
  private static let limit = Duration.seconds(120)
  private static let unit = "nfs-server.service"
  private static let monitorUnit = "rpc-statd.service"
  private static let package = "nfs-kernel-server (nfs-utils)"

  /// systemd runs it.
  public let isUnderSystemd: Bool

  /// Looks who runs it.
  public init() {
    isUnderSystemd = Systemd.knows(Self.unit)
  }

  /// Takes all its locks along.
  public func stop() async throws {
    if isUnderSystemd {
      try await run(Systemd.call("stop", Self.unit))
      // Where nfsd was started without it, the unit has nothing to stop.
      guard try await Self.isServing() else { return }
    }
    try await run(server("rpc.nfsd", "0"))
  }

  /// With the threads, versions and ports of nfs.conf; under systemd with everything in exports(5).
  public func start() async throws {
    guard isUnderSystemd else { return try await run(server("rpc.nfsd")) }
    try await forgetStarts()
    // The unit stays active where somebody has stopped nfsd without it, and would not be started then.
    try await run(Systemd.call(try await Self.isServing() ? "start" : "restart", Self.unit))
  }

  /// Everything in exports(5), besides what is exported already, and what has `mountpoint` and nothing mounted.
  public func export() async throws {
    let arguments = try server("exportfs", "-a")
    let outcome = await HostCommand.run(arguments, within: Self.limit)
    guard ConditionalExport.mayExplain(outcome) else { return try check(outcome, of: arguments) }
    let serious = try await OwnThread.run("lf-exports") {
      let mounts = try MountTable.read()
      return ConditionalExport.serious(
        outcome.output, exports: Self.conditionalExports(), isMounted: { mounts.has(resolved($0)) })
    }
    if !serious.isEmpty { try check(outcome, of: arguments) }
  }

  /// What exportfs(8) reads.
  private static func conditionalExports() -> [ConditionalExport] {
    let folder = "/etc/exports.d"
    var paths = ["/etc/exports"]
    if let directory = try? OpenDirectory(folder), let names = try? directory.names() {
      paths += names.map { "\(folder)/\(String(decoding: $0, as: UTF8.self))" }
        .filter { $0.hasSuffix(".exports") }
    }
    return paths.flatMap { path in
      let text = (try? contentsOfFile(path, limit: 1 << 20)) ?? []
      return ConditionalExport.all(in: String(decoding: text, as: UTF8.self))
    }
  }

  /// Has the status monitor read its records again. It tells nobody that this machine has restarted: who is told what,
  /// lockferry sees to.
  ///
  /// - Parameter interrupted: where it is noted that it does not run, as long as that is so.
  /// - Returns: what was done, for the history.
  public func restartStatusMonitor(_ interrupted: InterruptedRestart) async throws -> String {
    let monitor = StatusMonitorProcess.find()
    // Who watches over it starts it again.
    if monitor?.isLockferry == true { return "lockferry statd is left alone" }
    // One that runs without its unit would have a second one beside it.
    if Systemd.knows(Self.monitorUnit),
      monitor.map({ Systemd.runs($0.process, as: Self.monitorUnit) }) ?? true
    {
      try await forgetStarts()
      // That unit's environment keeps it from notifying (RPC_STATD_NO_NOTIFY).
      try await run(Systemd.call("restart", Self.monitorUnit))
      return "rpc-statd is restarted by systemd"
    }
    guard let monitor else {
      throw NodeHostError(
        .absent, "no status monitor runs here, and without one no client gets a lock: start it")
    }
    let isQuiet = monitor.arguments.contains { $0 == "--no-notify" || $0 == "-L" }
    let arguments = monitor.arguments + (isQuiet ? [] : ["--no-notify"])
    guard access(arguments[0], X_OK) == 0 else {
      throw NodeHostError(
        errno, arguments[0], remedy: "rpc.statd is left alone: it could not be started again")
    }
    // Once it has been told to end it is started again, whatever happens: nobody would know later how.
    let service = self
    try await Task {
      try interrupted.note(.statusMonitor(arguments))
      await service.end(monitor.process)
      try await service.startInBackground(arguments)
      interrupted.forget()
    }.value
    return "\(arguments.joined(separator: " ")) is restarted"
  }

  /// Asks a process to end, and makes it end where that takes long.
  private func end(_ process: Int32) async {
    for signal in [SIGTERM, SIGKILL] {
      kill(process, signal)
      let end = BootClock.now + .seconds(5)
      while BootClock.now < end {
        if Self.hasEnded(process) { return }
        try? await Task.sleep(for: .milliseconds(10))
      }
    }
  }

  /// It is gone, or nothing of it is left but that its parent has not asked for its end: `Z` behind the name (proc(5)).
  static func hasEnded(_ process: Int32) -> Bool {
    guard let bytes = try? contentsOfFile("/proc/\(process)/stat", limit: 4096) else { return true }
    let text = String(decoding: bytes, as: UTF8.self)
    guard let name = text.lastIndex(of: ")") else { return true }
    return text[name...].dropFirst(2).first == "Z"
  }

  private static func isServing() async throws -> Bool {
    try await OwnThread.run("lf-nfsd") { NFSServerFacts.read().isServing }
  }

  /// systemd refuses to start a unit for the sixth time within ten seconds (systemd.unit(5), `StartLimitBurst=`), as when
  /// several services come to a node one after the other. A unit that it does not know is no matter.
  private func forgetStarts() async throws {
    _ = await HostCommand.run(
      try Systemd.call(
        "reset-failed", Self.unit, "nfs-mountd.service", "nfsdcld.service", Self.monitorUnit),
      within: .seconds(10))
  }

  func startInBackground(_ arguments: [String]) async throws {
    let scope = try ProgramScope.ofThisMachine(
      for: arguments, named: "lockferry-rpc.statd", description: "rpc.statd of this node")
    guard let scope else { return try await run(arguments) }
    try check(await scope.start(within: Self.limit), of: arguments)
  }

  private func server(_ program: String, _ arguments: String...) throws(NodeHostError) -> [String] {
    [try HostPrograms.find(program, package: Self.package)] + arguments
  }

  private func run(_ arguments: [String]) async throws {
    try check(await HostCommand.run(arguments, within: Self.limit), of: arguments)
  }

  private func check(_ outcome: CommandOutcome, of arguments: [String]) throws(NodeHostError) {
    guard outcome.succeeded else {
      let printed = outcome.output.split(separator: "\n").suffix(3).joined(separator: " / ")
      throw NodeHostError(
        .failed,
        "\(arguments.joined(separator: " ")): \(outcome)" + (printed.isEmpty ? "" : ", saying: \(printed)"))
    }
  }
}

/// The path that the kernel knows it by: without links, and without a slash at its end.
private func resolved(_ path: String) -> String {
  guard let found = realpath(path, nil) else { return path }
  defer { free(found) }
  return String(cString: found)
}
