import Foundation
import Glibc
import Synchronization

/// A private network with its hosts: a bridge in a network namespace of its own and one cable per host. Nothing
/// leaves it, so that the same addresses serve any number of networks at the same time on one machine.
public final class TestNetwork: Sendable {
  /// The folder of everything that the network's hosts write; removed with the network.
  public let folder: String
  /// Every host has a leg in this network.
  public static let prefixLength = 24
  private let switchboard = Mutex<(process: ChildProcess, cord: Int32)?>(nil)
  private let hosts = Mutex<[TestHost]>([])
  private let names = Mutex<[(address: String, names: [String])]>([("127.0.0.1", ["localhost"])])

  /// Makes the folder of a network that does not run yet. `withTestNetwork` does it and cleans up.
  init() throws {
    if let obstacle = HostTestKit.unavailableBecause { throw HostTestError(obstacle) }
    var template = Array("/tmp/lockferry-\(getpid())-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw HostTestError("can't make a folder in /tmp") }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    chmod(folder, 0o755)
    for name in ["hosts", "logs", "shared"] { mkdir("\(folder)/\(name)", 0o755) }
    try "hosts: files\npasswd: files\ngroup: files\nprotocols: files\nservices: files\nrpc: files\n".write(
      toFile: nameServiceFile, atomically: false, encoding: .utf8)
    try writeNames()
  }

  /// Starts the bridge.
  func start() async throws {
    let log = open(logPath(host: "network", program: "switch", "err"), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    defer { close(log) }
    let ready = folder + "/ready"
    let script = """
      set -e
      ip link add br0 type bridge forward_delay 0 mcast_snooping 0
      ip link set br0 up
      echo ready > "$1"
      while read -r _; do :; done
      """
    let process = try withPowerCord { (cord, end) throws(HostTestError) in
      let process = try ChildProcess(
        ["unshare", "--net", "bash", "-c", script, "switch", ready], environment: HostTestKit.environment,
        input: end, output: log, errors: log)
      switchboard.withLock { $0 = (process, cord) }
      return process
    }
    try await eventually("the network starts") {
      if let end = process.end { throw HostTestError("the network's bridge: \(end)\n\(logs)") }
      return FileManager.default.fileExists(atPath: ready)
    }
  }

  var hostsFile: String { folder + "/etc-hosts" }
  var nameServiceFile: String { folder + "/nsswitch.conf" }

  func logPath(host: String, program: String, _ kind: String) -> String {
    "\(folder)/logs/\(host)-\(program).\(kind)"
  }

  /// A path that every host sees: on a shared file system. Nothing is there yet.
  public func sharedPath(_ name: String) -> String { "\(folder)/shared/\(name)" }

  /// Makes a folder, and what is missing above it.
  public func makeFolder(_ path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  // Names

  /// Gives `address` the names, the first of them its canonical one, in every host's `/etc/hosts`.
  public func name(_ address: String, _ names: String...) throws {
    self.names.withLock { $0.append((address, names)) }
    try writeNames()
  }

  private func writeNames() throws {
    let text = names.withLock { $0 }.map { "\($0.address) \($0.names.joined(separator: " "))\n" }.joined()
    // In place: hosts have this very file mounted over theirs.
    try text.write(toFile: hostsFile, atomically: false, encoding: .utf8)
  }

  // Hosts

  /// Makes a host and starts it. Its name is `name.demo.test`, `name` for short; its address is the next free one
  /// of 10.77.0.0/24 from 10.77.0.1 on.
  public func addHost(_ name: String) async throws -> TestHost {
    let number = hosts.withLock { $0.count } + 1
    let address = "10.77.0.\(number)"
    try self.name(address, "\(name).demo.test", name)
    let host = try TestHost(name: name, address: address, network: self, number: number)
    hosts.withLock { $0.append(host) }
    try await host.powerOn()
    return host
  }

  func plugIn(_ cable: String, into process: pid_t) async throws {
    // A host that lost its power a moment ago takes its end of the cable with it, which the kernel does later.
    try await eventually("cable \(cable) is free") {
      try await run(["ip", "link", "show", cable]).end != .exited(0)
    }
    try await run(["ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", "\(process)"])
      .orThrow()
    try await run(["ip", "link", "set", cable, "master", "br0", "up"]).orThrow()
  }

  func setCable(_ cable: String, up: Bool) async throws {
    try await run(["ip", "link", "set", cable, up ? "up" : "down"]).orThrow()
  }

  /// Runs a command of the network's own.
  private func run(_ arguments: [String]) async throws -> CommandResult {
    guard let process = switchboard.withLock({ $0?.process }) else { throw HostTestError("no network") }
    let outputPath = logPath(host: "network", program: "command-\(UUID())", "out")
    let output = open(outputPath, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer { for descriptor in [input, output] { close(descriptor) } }
    let child = try ChildProcess(
      ["nsenter", "--target", "\(process.pid)", "--net", "--"] + arguments,
      environment: HostTestKit.environment,
      input: input, output: output, errors: output)
    let end = try await value("\(arguments.joined(separator: " ")) ends") { child.end }
    defer { unlink(outputPath) }
    return CommandResult(
      command: "network: \(arguments.joined(separator: " "))", end: end, output: "",
      errors: (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? "")
  }

  // The end

  /// What every program of every host wrote, for a failure's report.
  public var logs: String { hosts.withLock { $0 }.map(\.report).joined() }

  fileprivate func printLogs(after end: String) {
    let text = "\(end)\nThe programs' own words:\n\(logs)"
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }

  /// Ends every host and removes every file.
  func remove() async throws {
    var failure: (any Error)?
    for host in hosts.withLock({ $0 }) {
      do { try await host.switchOff() } catch { failure = error }
    }
    if let (process, cord) = switchboard.withLock({ $0 }) {
      process.send(SIGKILL)
      close(cord)
    }
    switchboard.withLock { $0 = nil }
    try FileManager.default.removeItem(atPath: folder)
    if let failure { throw failure }
  }
}

/// Runs `body` with a network of its own. When it throws, every program's log is printed (always, where the variable
/// `LOCKFERRY_HOST_LOGS` is set). The network's processes and files are gone afterwards in any case, also when the
/// task is cancelled.
public func withTestNetwork<Value>(_ body: (TestNetwork) async throws -> Value) async throws -> Value {
  let network = try TestNetwork()
  let result: Result<Value, any Error>
  do {
    try await network.start()
    result = .success(try await body(network))
    if ProcessInfo.processInfo.environment["LOCKFERRY_HOST_LOGS"] != nil { network.printLogs(after: "done") }
  } catch {
    if !(error is CancellationError) { network.printLogs(after: "\(error)") }
    result = .failure(error)
  }
  do {
    try await network.remove()
  } catch {
    // What went wrong first says more.
    _ = try result.get()
    throw error
  }
  return try result.get()
}

/// Makes a pipe and gives both ends to `start`, which starts a process with `end` as its standard input and keeps
/// `cord`: the process reads an end of file as soon as this process dies or closes the cord.
func withPowerCord<Value>(
  _ start: (_ cord: Int32, _ end: Int32) throws(HostTestError) -> Value
) throws(HostTestError) -> Value {
  var ends: [Int32] = [-1, -1]
  guard pipe(&ends) == 0 else { throw HostTestError("no pipe: \(String(cString: strerror(errno)))") }
  // A cord that another child inherited would keep this one alive after our death.
  for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
  defer { close(ends[0]) }
  do {
    return try start(ends[1], ends[0])
  } catch {
    close(ends[1])
    throw error
  }
}
