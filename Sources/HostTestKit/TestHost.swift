import Foundation
import Glibc
import Synchronization

/// A machine of the test: own network, mounts, host name and processes, an own `/run` that is lost when the power
/// goes, and an own `/var/lib/nfs` that is not.
///
/// Its first process is a shell that reads from a pipe of ours. The kernel ends every process of the host when
/// that shell ends (pid_namespaces(7)): by ``powerCut()``, or because the pipe closes when the process that runs
/// the test dies for whatever reason.
public final class TestHost: Sendable {
  /// Its host name.
  public let name: String
  /// Its own address in the network, without prefix length.
  public let address: String
  /// The machine's lasting files, seen from inside and outside under this same path.
  public let disk: String
  private let network: TestNetwork
  private let cable: String
  private let state = Mutex(State())

  private struct State {
    var holder: ChildProcess?
    var firstProcess: pid_t?
    var powerCord: Int32 = -1
    var programs: [HostProgram] = []
    var counter = 0
  }

  static let namespaces = [
    "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--propagation", "private",
    "--mount-proc",
  ]

  init(name: String, address: String, network: TestNetwork, number: Int) throws(HostTestError) {
    self.name = name
    self.address = address
    self.network = network
    self.disk = network.folder + "/hosts/" + name
    self.cable = "lf\(number)"
    do {
      // As Debian's nfs-common leaves it: sm and sm.bak of user statd, state empty, the folder itself root's.
      for folder in ["sm", "sm.bak"] {
        try FileManager.default.createDirectory(
          atPath: "\(disk)/nfs/\(folder)", withIntermediateDirectories: true)
      }
      try Data().write(to: URL(fileURLWithPath: disk + "/nfs/state"))
      try FileManager.default.createDirectory(atPath: disk + "/state", withIntermediateDirectories: true)
    } catch {
      throw HostTestError("can't make the disk of \(name): \(error)")
    }
    guard let statd = HostTestKit.statdUser else {
      throw HostTestError("no user statd on this machine: install nfs-common")
    }
    for path in ["sm", "sm.bak", "state"] { chown("\(disk)/nfs/\(path)", statd, 65534) }
  }

  /// The status directory as a path of this machine: `sm`, `sm.bak` and `state` are in it.
  public var statusDirectory: String { disk + "/nfs" }

  /// The record files in `sm`, sorted by name.
  public var recordNames: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: statusDirectory + "/sm")) ?? []).sorted()
  }

  /// Its first process as this machine sees it; nil while it is off.
  var firstProcessID: pid_t? { state.withLock { $0.firstProcess } }

  /// The host runs.
  public var isOn: Bool { state.withLock { $0.firstProcess != nil } }

  // Power

  private static let startScript = """
    set -e
    disk=$1 name=$2 hosts=$3 switch=$4
    mount -t tmpfs -o mode=0755 tmpfs /run
    install -d -o _rpc /run/rpcbind
    mount --bind "$disk/nfs" /var/lib/nfs
    mount --bind "$hosts" /etc/hosts
    mount --bind "$switch" /etc/nsswitch.conf
    cat /proc/sys/kernel/random/uuid > "$disk/boot_id"
    mount --bind "$disk/boot_id" /proc/sys/kernel/random/boot_id
    hostname "$name"
    ip link set lo up
    echo ready > "$disk/ready"
    # Also the parent of whatever loses its own: bash reaps it.
    while read -r _; do :; done
    """

  /// Starts the machine, with a boot identity of its own, and plugs its cable in. No program runs yet.
  public func powerOn() async throws {
    precondition(!isOn, "\(name) is on")
    unlink(disk + "/ready")
    let log = network.logPath(host: name, program: "host", "err")
    let output = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    defer { close(output) }
    let holder = try withPowerCord { (cord, end) throws(HostTestError) in
      let holder = try ChildProcess(
        ["unshare"] + Self.namespaces + [
          "bash", "-c", Self.startScript, "host", disk, name, network.hostsFile, network.nameServiceFile,
        ], environment: HostTestKit.environment, input: end, output: output, errors: output)
      state.withLock {
        $0.holder = holder
        $0.powerCord = cord
      }
      return holder
    }
    try await eventually("\(name) starts") {
      if let end = holder.end { throw HostTestError("\(end), see \(log)") }
      return FileManager.default.fileExists(atPath: disk + "/ready")
    }
    guard let firstProcess = ChildProcess.children(of: holder.pid).first else {
      throw HostTestError("\(name) has no first process: \(Self.text(log))")
    }
    state.withLock { $0.firstProcess = firstProcess }
    try await network.plugIn(cable, into: firstProcess)
    try await run(["ip", "link", "set", "eth0", "up"]).orThrow()
    try await run(["ip", "address", "add", "\(address)/\(TestNetwork.prefixLength)", "dev", "eth0"]).orThrow()
  }

  /// The machine loses its power: its cable goes dead, and every process in it gets SIGKILL at once. Returns the
  /// moment of the SIGKILL, when all of them are gone.
  @discardableResult
  public func powerCut() async throws -> Moment {
    try await disconnect()
    let moment = Moment.now
    try await switchOff()
    return moment
  }

  /// Ends every process of the host and waits until all are gone. Does nothing to a host that is off.
  func switchOff() async throws {
    let (holder, programs) = state.withLock { state in
      if let first = state.firstProcess, let holder = state.holder { holder.send(SIGKILL, to: first) }
      if state.powerCord != -1 { close(state.powerCord) }
      state.powerCord = -1
      state.firstProcess = nil
      defer { state.holder = nil }
      return (state.holder, state.programs)
    }
    guard let holder else { return }
    // The host ends when its dead programs have been reaped.
    for program in programs { program.wakeParent() }
    let deadline = ContinuousClock.now + .seconds(30)
    while holder.end == nil {
      await pauseThroughCancellation(for: .milliseconds(2))
      guard ContinuousClock.now < deadline else {
        throw HostTestError("\(name) does not end (process \(holder.pid) of this machine)")
      }
    }
  }

  // The cable

  /// Pulls the cable: nothing gets in or out any more.
  public func disconnect() async throws { try await network.setCable(cable, up: false) }

  /// Plugs it in again.
  public func reconnect() async throws { try await network.setCable(cable, up: true) }

  // Programs

  /// Starts a program. Its output goes to files that are printed when the test fails.
  public func start(
    _ arguments: [String], as label: String? = nil, environment: [String: String] = [:]
  ) async throws -> HostProgram {
    let label = label ?? URL(fileURLWithPath: arguments[0]).lastPathComponent
    let (firstProcess, number) = state.withLock { state in
      state.counter += 1
      return (state.firstProcess, state.counter)
    }
    guard let firstProcess else { throw HostTestError("\(name) is off: can't start \(label)") }
    let outputPath = network.logPath(host: name, program: "\(number)-\(label)", "out")
    let errorPath = network.logPath(host: name, program: "\(number)-\(label)", "err")
    let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
    let output = open(outputPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    let errors = open(errorPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    defer { for descriptor in [input, output, errors] { close(descriptor) } }
    let entry = try ChildProcess(
      ["nsenter", "--target", "\(firstProcess)", "--mount", "--net", "--uts", "--ipc", "--pid", "--"]
        + arguments,
      environment: HostTestKit.environment.merging(environment) { $1 },
      input: input, output: output, errors: errors)
    let program = HostProgram(
      name: "\(name) \(label) #\(number)", entry: entry, outputPath: outputPath, errorPath: errorPath)
    state.withLock { $0.programs.append(program) }
    try await program.waitForStart()
    return program
  }

  /// Runs a program to its end.
  @discardableResult
  public func run(
    _ arguments: [String], within limit: Duration = .seconds(120), environment: [String: String] = [:]
  ) async throws -> CommandResult {
    let program = try await start(arguments, environment: environment)
    do {
      let end = try await program.waitForEnd(within: limit)
      let result = CommandResult(
        command: "\(name): \(arguments.joined(separator: " "))", end: end, output: program.output,
        errors: program.errors)
      forget(program)
      return result
    } catch {
      program.resume()
      program.send(SIGKILL)
      throw error
    }
  }

  /// Commands by the hundred (status questions) would bury the daemons' logs.
  private func forget(_ program: HostProgram) {
    state.withLock { state in state.programs.removeAll { $0 === program } }
    program.removeOutput()
  }

  /// What every program wrote, for a failure's report.
  var report: String {
    state.withLock { $0.programs }.map(\.report).joined()
  }

  private static func text(_ path: String) -> String {
    (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
  }
}
