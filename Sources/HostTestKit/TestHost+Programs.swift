import Foundation
import Glibc

/// The real programs of a host.
extension TestHost {
  // The base system's

  /// Starts rpcbind and waits until it answers.
  @discardableResult
  public func startPortMapper() async throws -> HostProgram {
    let program = try await start(["rpcbind", "-w", "-f"])
    // rpcinfo's first question before the port is open would wait for libtirpc's retry, two seconds.
    try await run(["bash", "-c", "until (exec 3<>/dev/tcp/127.0.0.1/111) 2>&-; do sleep 0.01; done"])
      .orThrow()
    try await answers("portmapper", program)
    return program
  }

  /// Starts rpc.statd, as its systemd unit would on a machine whose boot notification is not its own affair, and
  /// waits until it answers.
  @discardableResult
  public func startStatusMonitor(callout: String? = nil) async throws -> HostProgram {
    let program = try await start(
      ["rpc.statd", "--no-notify", "--foreground", "--no-syslog"]
        + (callout.map { ["--ha-callout", $0] } ?? []))
    try await answers("status", program)
    return program
  }

  /// Starts `lockferry statd` in its place and waits until it is registered.
  @discardableResult
  public func startOwnStatusMonitor(_ options: String...) async throws -> HostProgram {
    try await startOwnStatusMonitor(options)
  }

  /// The same.
  @discardableResult
  public func startOwnStatusMonitor(_ options: [String]) async throws -> HostProgram {
    let program = try await start([HostTestKit.builtProgram("lockferry"), "statd"] + options, as: "statd")
    try await eventually("\(program.name) is registered") {
      if let end = program.end { throw HostTestError("\(program.name): \(end): \(program.errors)") }
      return program.errors.contains("status monitor is registered")
    }
    return program
  }

  private func answers(_ service: String, _ program: HostProgram) async throws {
    try await eventually("\(program.name) answers") {
      if let end = program.end { throw HostTestError("\(program.name): \(end): \(program.errors)") }
      return try await run(["rpcinfo", "-T", "tcp", "127.0.0.1", service], within: .seconds(70)).end.succeeded
    }
  }

  // lockferry

  /// Installs the program for rpc.statd where statd's user may run it, which the build folder need not be.
  public func installCallout() throws -> String {
    let path = disk + "/lockferry-callout"
    try? FileManager.default.removeItem(atPath: path)
    try FileManager.default.copyItem(
      atPath: HostTestKit.builtProgram("lockferry-callout"), toPath: path)
    chmod(path, 0o755)
    return path
  }

  /// Runs a program as the user that rpc.statd runs as, without any capability.
  public func runAsStatusMonitor(_ arguments: [String]) async throws -> CommandResult {
    var status = Glibc.stat()
    guard stat(statusDirectory + "/sm", &status) == 0 else { throw HostTestError("no sm on \(name)") }
    return try await runAs(user: status.st_uid, arguments)
  }

  /// Runs a program as another user, without any capability.
  public func runAs(user: UInt32, _ arguments: [String]) async throws -> CommandResult {
    try await run(
      ["setpriv", "--reuid=\(user)", "--regid=65534", "--clear-groups", "--bounding-set=-all"] + arguments)
  }

  /// Where the daemon hears callouts, as a path of this machine: the host has a `/run` of its own.
  public var calloutFolder: String? {
    firstProcessID.map { "/proc/\($0)/root/run/lockferry/callout" }
  }

  /// What callouts left because they could not deliver it.
  public var spooled: [String] {
    guard let calloutFolder else { return [] }
    return ((try? FileManager.default.contentsOfDirectory(atPath: calloutFolder + "/spool")) ?? []).sorted()
  }

  /// Where the host's node file is.
  public var nodeFilePath: String { disk + "/lockferry.yaml" }

  /// Writes the host's node file.
  public func write(_ file: NodeFile) throws {
    try file.text.write(toFile: nodeFilePath, atomically: true, encoding: .utf8)
  }

  /// Starts the daemon with the host's node file; does not wait for it.
  public func startLockferry() async throws -> HostProgram {
    try await start([HostTestKit.builtProgram("lockferry"), "run", "--config", nodeFilePath])
  }

  /// Runs a lockferry command against the host's daemon.
  public func lockferry(_ arguments: String..., within limit: Duration = .seconds(60)) async throws
    -> CommandResult
  {
    try await run([HostTestKit.builtProgram("lockferry")] + arguments, within: limit)
  }

  /// `lockferry status`
  public func status() async throws -> StatusAnswer {
    try answer(
      StatusAnswer.self, from: try await lockferry("status", "-o", "json").orThrow().output,
      of: "lockferry status on \(name)")
  }

  /// `lockferry history SERVICE`
  public func history(_ service: String) async throws -> [HistoryAnswer] {
    try answer(
      [HistoryAnswer].self, from: try await lockferry("history", service, "-o", "json").orThrow().output,
      of: "lockferry history on \(name)")
  }

  /// `lockferry ARGUMENTS -o json` of a verb that asks something of a service.
  public func ask(_ arguments: String...) async throws -> RequestAnswer {
    let command = try [HostTestKit.builtProgram("lockferry")] + arguments + ["-o", "json"]
    return try answer(
      RequestAnswer.self, from: try await run(command, within: .seconds(90)).orThrow().output,
      of: "lockferry \(arguments.joined(separator: " ")) on \(name)")
  }

  /// `lockferry history show N`, whose exit status says what became of the clients' locks.
  public func historyEntry(_ number: Int, of service: String) async throws -> HistoryAnswer {
    let result = try await lockferry("history", "show", "\(number)", "--service", service, "-o", "json")
    guard [0, 112, 115].contains(where: { result.end == .exited($0) }) else {
      throw HostTestError("\(result.command): \(result.end): \(result.errors)")
    }
    return try answer(HistoryAnswer.self, from: result.output, of: "lockferry history show on \(name)")
  }

  /// `lockferry records SERVICE`
  public func records(_ service: String) async throws -> [RecordAnswer] {
    try answer(
      [RecordAnswer].self, from: try await lockferry("records", service, "-o", "json").orThrow().output,
      of: "lockferry records on \(name)")
  }

  /// `lockferry doctor`, which may find something: its exit status is part of the answer.
  public func doctor(_ arguments: String...) async throws -> (end: ProgramEnd, answer: DoctorAnswer) {
    let result = try await run(
      [HostTestKit.builtProgram("lockferry"), "doctor", "--config", nodeFilePath, "-o", "json"] + arguments,
      within: .seconds(60))
    return (
      result.end,
      try answer(DoctorAnswer.self, from: result.output, of: "\(result.command): \(result.errors)")
    )
  }

  /// What the health endpoint of the host's daemon says, asked with curl's little brother in bash: the status code,
  /// or nil where nothing answers within so many seconds.
  public func healthCode(_ path: String, within seconds: Int = 20) async throws -> Int? {
    let script = """
      exec 3<>/dev/tcp/127.0.0.1/\(NodeFile.healthPort) || exit 7
      printf 'GET %s HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' "$1" >&3
      IFS=' ' read -r -t \(seconds) _ code _ <&3 || exit 28
      echo "$code"
      """
    let result = try await run(["bash", "-c", script, "health", path])
    return Int(result.output.trimmingCharacters(in: .whitespacesAndNewlines))
  }

  /// What `/metrics` says: the value of each line, by all that stands before it, as in `lockferry_info{node="a"}`.
  public func metrics() async throws -> [String: Double] {
    let script = """
      exec 3<>/dev/tcp/127.0.0.1/\(NodeFile.healthPort) || exit 7
      printf 'GET /metrics HTTP/1.0\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3
      timeout 20 cat <&3
      """
    let lines = try await run(["bash", "-c", script]).output.split(whereSeparator: \.isNewline)
    var metrics: [String: Double] = [:]
    for line in lines where line.hasPrefix("lockferry_") {
      guard let space = line.lastIndex(of: " ") else { continue }
      metrics[String(line[..<space])] = Double(line[line.index(after: space)...])
    }
    return metrics
  }

  /// The interfaces' addresses include `address`.
  public func has(address: String) async throws -> Bool {
    try await run(["ip", "-o", "address", "show", "dev", "eth0"]).orThrow().output.contains(" \(address)/")
  }

  /// Of its end of the cable, as `ip link` writes it.
  public func hardwareAddress() async throws -> String {
    let words = try await run(["ip", "-o", "link", "show", "dev", "eth0"]).orThrow().output.split(
      separator: " ")
    guard let place = words.firstIndex(of: "link/ether"), place + 1 < words.count else {
      throw HostTestError("\(name) has no hardware address: \(words)")
    }
    return String(words[place + 1])
  }

  /// What the state file of the status directory holds; nil where it is empty or not there.
  public var stateNumber: Int32? {
    guard let bytes = FileManager.default.contents(atPath: statusDirectory + "/state"), bytes.count == 4
    else {
      return nil
    }
    return bytes.withUnsafeBytes { $0.loadUnaligned(as: Int32.self) }
  }

  // nsm-peer: the lock manager's side of the status monitor's protocol

  /// Asks the host's status monitor to monitor `peer`, as the lock manager does with the first lock.
  ///
  /// - Parameter cookie: 32 hexadecimal digits; Linux' lock manager has others after each of its starts.
  @discardableResult
  public func monitor(
    _ peer: String, as myName: String, cookie: String = String(repeating: "0", count: 32)
  ) async throws -> MonitorAnswer {
    let result = try await run([
      HostTestKit.builtProgram("nsm-peer"), "monitor", "--mon-name", peer, "--my-name", myName, "--private",
      cookie, "--limit", "60",
    ])
    return try answer(MonitorAnswer.self, from: try result.orThrow().output, of: result.command)
  }

  /// Has it monitor `count` peers, `window` at a time, from 10.78.0.0 + `first` on; returns who was answered and how fast.
  /// Does not end before all are.
  @discardableResult
  public func register(
    _ count: Int, from first: Int = 0, as myName: String, window: Int = 1,
    within limit: Duration = .seconds(120)
  ) async throws -> [RegistrationAnswer] {
    let program = try await startRegistering(count, from: first, as: myName, window: window)
    let end = try await program.waitForEnd(within: limit)
    guard end.succeeded else { throw HostTestError("\(program.name): \(end): \(program.errors)") }
    return try Self.registrations(in: program.output)
  }

  /// The same, without waiting for the end.
  public func startRegistering(
    _ count: Int, from first: Int = 0, as myName: String, window: Int = 1
  ) async throws -> HostProgram {
    try await start(registering(count, from: first, as: myName) + ["--window", "\(window)", "--each"])
  }

  /// The whole lines of what it printed: the last one may have been cut off with the power.
  public static func registrations(in output: String) throws -> [RegistrationAnswer] {
    try output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map {
      try answer(RegistrationAnswer.self, from: String($0), of: "nsm-peer monitor-many")
    }
  }

  /// Has it monitor those peers no more.
  public func unregister(_ count: Int, from first: Int = 0, as myName: String) async throws {
    try await run(registering(count, from: first, as: myName) + ["--remove"], within: .seconds(120)).orThrow()
  }

  private func registering(_ count: Int, from first: Int, as myName: String) throws -> [String] {
    let address = "10.\(78 + (first >> 16)).\(first >> 8 & 255).\(first & 255)"
    return [
      try HostTestKit.builtProgram("nsm-peer"), "monitor-many", "--first", address, "--count", "\(count)",
      "--my-name", myName, "--limit", "3600",
    ]
  }

  /// Asks it to monitor `peer` no more.
  public func unmonitor(_ peer: String, as myName: String) async throws {
    try await run([
      HostTestKit.builtProgram("nsm-peer"), "unmonitor", "--mon-name", peer, "--my-name", myName,
    ])
    .orThrow()
  }

  /// Starts the program that plays the lock manager and waits for callbacks, and waits until it is registered.
  public func listen(callbacks: Int, within limit: Duration = .seconds(120)) async throws -> CallbackListener
  {
    let ready = "\(disk)/listening-\(UUID())"
    let program = try await start([
      HostTestKit.builtProgram("nsm-peer"), "listen", "--ready", ready, "--count", "\(callbacks)",
      "--timeout", "\(limit.components.seconds)",
    ])
    try await eventually("\(program.name) is registered") {
      if let end = program.end { throw HostTestError("\(program.name): \(end): \(program.errors)") }
      return FileManager.default.fileExists(atPath: ready)
    }
    return CallbackListener(program: program)
  }
}

/// `nsm-peer listen` in a host.
public struct CallbackListener: Sendable {
  let program: HostProgram

  /// The callbacks so far.
  public func callbacks() throws -> [Callback] {
    try program.output.split(separator: "\n").map { line in
      try answer(Callback.self, from: String(line), of: program.name)
    }
  }

  /// Waits for the first callback that `isWanted`.
  public func callback(
    within limit: Duration = .seconds(60), _ what: String, where isWanted: (Callback) -> Bool = { _ in true }
  ) async throws -> Callback {
    try await value(within: limit, what) { try callbacks().first(where: isWanted) }
  }
}
