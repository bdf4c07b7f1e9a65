internal import Cluster
internal import NodeHost

/// The node file: `/etc/lockferry/lockferry.yaml`, YAML, at most 256 KiB of UTF-8.
///
/// Every problem is reported at once, each with its line and column. Unknown keys are refused, since a mistyped
/// one would leave its default in force without anybody noticing.
public enum NodeFile {
  /// Where it is unless the operator says otherwise.
  public static let defaultPath = "/etc/lockferry/lockferry.yaml"
  /// `run_directory` unless the file says otherwise.
  public static let defaultRunDirectory = "/run/lockferry"
  /// The longest `run_directory`, in bytes: the path of a UNIX socket in it must fit into 107 (unix(7)).
  public static let longestRunDirectory = 107 - "/control.sock".utf8.count

  private static let keys = [
    "node", "store", "store_staleness", "status_directory", "server_names", "run_directory",
    "state_directory",
    "control_group",
    "health", "beats", "self_fence", "addresses", "adoption", "overload", "watchdog", "mirror", "callout",
    "statd",
    "services",
  ]

  /// Reads a file. Blocks as long as the file system does.
  public static func load(path: String) throws(ConfigurationError) -> NodeConfiguration {
    try parse(NodeFileText.read(path: path), file: path)
  }

  /// Reads a text; `file` is what messages call it.
  public static func parse(_ text: String, file: String) throws(ConfigurationError) -> NodeConfiguration {
    let context = NodeFileContext()
    let configuration = read(text, context: context)
    guard let configuration, context.isFlawless else {
      throw ConfigurationError(code: .invalid, file: file, problems: context.problems)
    }
    return configuration
  }

  private static func read(_ text: String, context: NodeFileContext) -> NodeConfiguration? {
    guard let root = NodeFileDocument.compose(text, context: context) else { return nil }
    guard let file = NodeFileValue(root, path: "", context: context).section(known: keys) else { return nil }
    let node = file.required("node", "this node's name, unique in the cluster")
    let store = file.required("store", "where the shared store is, as in directory:/srv/lockferry")
    let services = file.required(
      "services", "a list of what the cluster serves; [] where there is nothing yet")
    let nodeName = node?.nodeName()
    let location = store.flatMap(storeLocation)
    let staleness = file.optional("store_staleness").map { $0.duration(.zero ... .seconds(600)) } ?? .zero
    let status = file.optional("status_directory")?.absolutePath("the folder with sm, sm.bak and state")
    let serverNames =
      file.optional("server_names").map(Self.serverNames) ?? HostName.read().map { [$0] } ?? []
    let run = file.optional("run_directory")
    let runDirectory = run.map { $0.absolutePath("a folder") } ?? defaultRunDirectory
    if let runDirectory, runDirectory.utf8.count > longestRunDirectory {
      run?.report("is longer than \(longestRunDirectory) bytes: the path of the control socket would not fit")
    }
    let state = file.optional("state_directory").map { $0.absolutePath("a folder") } ?? "/var/lib/lockferry"
    let group = file.optional("control_group")?.groupName()
    let health = NodeFileHealth.read(file.optional("health"))
    let selfFence = file.optional("self_fence").map(NodeFileSelfFence.read)
    let beats = NodeFileTimings.beats(file, watchdog: selfFence??.timeout)
    let addresses = NodeFileAddresses.read(file)
    let adoption = NodeFileAdoption.read(file)
    let overload = NodeFileAdoption.overload(file)
    let watchdog = file.optional("watchdog").map(NodeFileWatchdog.read) ?? []
    let mirror = NodeFileTimings.mirror(file)
    let calloutLimit = NodeFileTimings.calloutLimit(file)
    let whenNotMirrored = file.optional("statd").map(Self.whenNotMirrored) ?? .grant
    let read = services.map(NodeFileServices.read) ?? []
    guard let nodeName, let location, let staleness, let serverNames, let runDirectory, let state, let health,
      let beats, let addresses, var adoption, let mirror, let calloutLimit, let whenNotMirrored
    else { return nil }
    adoption.policy.reliefPause = overload?.hold ?? adoption.policy.reliefPause
    var probing = health.health
    // An isolated service has an NFS server of its own, which is asked as long as it is here.
    let usesServer = read.contains { $0.candidates.contains(nodeName) && $0.isolation == nil }
    if !health.saysProbes, !usesServer { probing.probes = [] }
    return NodeConfiguration(
      node: nodeName, store: location, storeStaleness: staleness, statusDirectory: status,
      serverNames: serverNames, runDirectory: runDirectory, stateDirectory: state, controlGroup: group,
      health: probing, beats: beats, selfFence: selfFence??.configuration, addresses: addresses,
      adoption: adoption, overload: overload,
      watchdog: watchdog,
      calloutLimit: calloutLimit, whenNotMirrored: whenNotMirrored, mirror: mirror, services: read)
  }

  private static func serverNames(_ value: NodeFileValue) -> [String]? {
    guard let elements = value.list(of: "host names") else { return nil }
    let names = elements.compactMap { $0.hostName() }
    return names.count == elements.count ? names : nil
  }

  private static func whenNotMirrored(_ value: NodeFileValue) -> WhenNotMirrored? {
    let key = "when_not_mirrored"
    guard let section = value.section(known: [key]) else { return nil }
    guard let word = section.optional(key) else { return .grant }
    return word.word(WhenNotMirrored.allCases.map(\.rawValue), "grant or refuse").flatMap(
      WhenNotMirrored.init)
  }

  private static func storeLocation(_ value: NodeFileValue) -> StoreLocation? {
    guard let text = value.text("a store, as in directory:/srv/lockferry") else { return nil }
    let scheme = "directory:"
    guard text.hasPrefix(scheme) else {
      value.report("`\(text)` is no known store: write directory: and the absolute path of a folder")
      return nil
    }
    var path = String(text.dropFirst(scheme.count))
    guard path.hasPrefix("/") else {
      value.report("`\(path)` must be an absolute path, as in directory:/srv/lockferry")
      return nil
    }
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return .directory(path)
  }
}
