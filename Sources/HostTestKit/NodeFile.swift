import Foundation

/// The text of a node file, as an operator would write it.
public struct NodeFile: Sendable {
  /// `node`
  public var node: String
  /// The folder of `store: directory:…`
  public var store: String
  /// `state_directory`
  public var stateDirectory: String
  /// `health.probes`, each as written. Default: rpc.statd over UDP.
  public var probes = ["{program: status, transport: udp, host: 127.0.0.1, timeout: 1s}"]
  /// `server_names`; empty leaves it out.
  public var serverNames: [String] = []
  /// `beats`, as written; nil leaves it out.
  public var beats: String?
  /// `adoption`, as written; nil leaves it out.
  public var adoption: String?
  /// `self_fence`, as written; nil leaves it out.
  public var selfFence: String?
  /// `overload`, as written; nil leaves it out.
  public var overload: String?
  /// `watchdog`, as written; nil leaves it out.
  public var watchdog: String?
  /// `health.report_token_file`; nil leaves it out.
  public var reportTokenFile: String?
  /// `health.listen`
  public var healthListen = "127.0.0.1:\(Self.healthPort)"
  /// `mirror`, as written; nil leaves it out.
  public var mirror: String?
  /// `callout`, as written; nil leaves it out.
  public var callout: String?
  /// `statd`, as written; nil leaves it out.
  public var statd: String?
  /// `services`
  public var services: [Service]

  /// One service of a node file.
  public struct Service: Sendable {
    /// `name`
    public var name: String
    /// `home`
    public var home: String
    /// `candidates`
    public var candidates: [String]
    /// `names`
    public var names: [String]
    /// `interface`
    public var interface = "eth0"
    /// `address`, with its prefix length.
    public var address: String
    /// `fence`
    public var fence = Command.none
    /// `storage.attach`
    public var attachStorage: Command?
    /// `storage.detach`
    public var detachStorage: Command?
    /// `storage.check`
    public var storageCheck: Command?
    /// `recovery.server`; nothing begins a grace period unless it says so, or ``isolatedExports``.
    public var serverRecovery = Command.none
    /// `recovery.server.isolated.exports`, one line each; the service is isolated unless there is none.
    public var isolatedExports: [String] = []
    /// `recovery.server.isolated.status_monitor`; nil leaves it out.
    public var isolatedStatusMonitor: String?
    /// `recovery.withdraw`
    public var serverWithdrawal: Command?
    /// `recovery.own_clients: leave`
    public var leavesOwnClients = false
    /// The command that takes the address instead of lockferry itself.
    public var takeAddress: Command?
    /// The command that releases the address.
    public var releaseAddress: Command?
    /// `recovery.notify`; nil leaves the key out.
    public var notification: Command?
    /// `failback`, as written; nil leaves it out.
    public var failback: String?
    /// `election`; nil leaves it out.
    public var election: String?
    /// `priority`; nil leaves it out.
    public var priority: Int?
    /// `recovery.notify: sm-notify`
    public var notifiesBySmNotify = false

    /// A service with address and names, no fence, and no commands.
    public init(name: String, home: String, candidates: [String], names: [String], address: String) {
      self.name = name
      self.home = home
      self.candidates = candidates
      self.names = names
      self.address = address
    }
  }

  /// A command of a node file.
  public enum Command: Sendable {
    /// The word `none`, where it may stand.
    case none
    /// Another word, where it may stand.
    case word(String)
    /// A program by its absolute path, its arguments, and its timeout in seconds.
    case program([String], timeout: Int = 60)

    var text: String {
      switch self {
      case .none: return "none"
      case .word(let word): return word
      case .program(let arguments, let timeout):
        return "{command: [\(arguments.map(quoted).joined(separator: ", "))], timeout: \(timeout)s}"
      }
    }
  }

  /// A node file with the service of the demo: `home` of `nfs.demo.test` at 10.77.0.10.
  public init(node: String, store: String, stateDirectory: String, services: [Service]) {
    self.node = node
    self.store = store
    self.stateDirectory = stateDirectory
    self.services = services
  }

  /// The file's text.
  public var text: String {
    var lines = [
      "node: \(node)",
      "store: \(quoted("directory:" + store))",
      "state_directory: \(quoted(stateDirectory))",
      "run_directory: /run/lockferry",
      "health:",
      "  listen: \(quoted(healthListen))",
      "  probes: [\(probes.joined(separator: ", "))]",
    ]
    if let reportTokenFile { lines.append("  report_token_file: \(quoted(reportTokenFile))") }
    if !serverNames.isEmpty { lines.append("server_names: [\(serverNames.joined(separator: ", "))]") }
    if let beats { lines.append("beats: \(beats)") }
    if let selfFence { lines.append("self_fence: \(selfFence)") }
    if let adoption { lines.append("adoption: \(adoption)") }
    if let watchdog { lines.append("watchdog: \(watchdog)") }
    if let overload { lines.append("overload: \(overload)") }
    if let mirror { lines.append("mirror: \(mirror)") }
    if let callout { lines.append("callout: \(callout)") }
    if let statd { lines.append("statd: \(statd)") }
    lines.append("services:")
    for service in services { lines += service.lines }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The port of the health endpoint, on 127.0.0.1 of each host.
  public static let healthPort = 9943
}

extension NodeFile.Service {
  fileprivate var lines: [String] {
    var lines = [
      "  - name: \(name)",
      "    home: \(home)",
      "    candidates: [\(candidates.joined(separator: ", "))]",
      "    names: [\(names.joined(separator: ", "))]",
    ]
    if let takeAddress, let releaseAddress {
      let plain = address.split(separator: "/").first.map(String.init) ?? address
      lines.append(
        "    address: {address: \(plain), take: \(takeAddress.text), release: \(releaseAddress.text)}")
    } else {
      lines += ["    address: \(address)", "    interface: \(interface)"]
    }
    lines.append("    fence: \(fence.text)")
    if let failback { lines.append("    failback: \(failback)") }
    if let election { lines.append("    election: \(election)") }
    if let priority { lines.append("    priority: \(priority)") }
    if attachStorage != nil || detachStorage != nil || storageCheck != nil {
      lines.append("    storage:")
      lines += command("attach", attachStorage) + command("detach", detachStorage)
      lines += command("check", storageCheck)
    }
    let notify = notification?.text ?? (notifiesBySmNotify ? "sm-notify" : nil)
    let isolated =
      ["exports: [\(isolatedExports.map(quoted).joined(separator: ", "))]"]
      + (isolatedStatusMonitor.map { ["status_monitor: \($0)"] } ?? [])
    let server =
      isolatedExports.isEmpty
      ? command("server", serverRecovery)
      : ["      server: {isolated: {\(isolated.joined(separator: ", "))}}"]
    let recovery =
      server + command("withdraw", serverWithdrawal)
      + (leavesOwnClients ? ["      own_clients: leave"] : [])
      + (notify.map { ["      notify: \($0)"] } ?? [])
    return lines + ["    recovery:"] + recovery
  }

  private func command(_ key: String, _ command: NodeFile.Command?) -> [String] {
    command.map { ["      \(key): \($0.text)"] } ?? []
  }
}

/// A YAML double-quoted scalar; JSON's escapes are YAML's.
private func quoted(_ text: String) -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = .withoutEscapingSlashes
  return (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
}
