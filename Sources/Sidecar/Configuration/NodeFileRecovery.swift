internal import Cluster

/// Reading of `recovery.server`.
enum NodeFileRecovery {
  private static let words = NodeRestart.allCases.map(\.rawValue) + ["ganesha", "isolated", "none"]
  private static let forms =
    words.map { "`\($0)`" }.joined(separator: ", ") + ", {isolated: {...}} or {command: [...]}"

  /// What begins the grace period where nothing is written: a server of the service's own, wherever it can have a link
  /// of its own. It is the only way that disturbs nobody and works on every kernel.
  static func preset(of service: String, at address: ServiceAddressConfiguration?) -> ServerRecovery? {
    guard case .interface = address else { return nil }
    return .isolated(NodeFileIsolation.preset(of: service))
  }

  /// `restart-nfs`, `restart-lockd`, `ganesha`, `isolated`, `{isolated: {exports: ..., threads: 8, gateway: 10.0.0.1}}`,
  /// `{command: [...], timeout: 60s}`, or `none`
  static func server(_ value: NodeFileValue, of service: String) -> ServerRecovery? {
    if value.isScalar {
      guard let word = value.word(words, forms), word != "none" else { return nil }
      if let restart = NodeRestart(rawValue: word) { return .restart(restart) }
      return word == "ganesha" ? .ganesha : .isolated(NodeFileIsolation.preset(of: service))
    }
    guard let section = value.section(known: ["isolated", "command", "timeout"]) else { return nil }
    guard let isolated = section.optional("isolated") else {
      return NodeFileCommands.command(section).map(ServerRecovery.command)
    }
    for key in ["command", "timeout"] {
      section.optional(key)?.report("an isolated service is started by lockferry, not by a command")
    }
    return NodeFileIsolation.read(isolated, of: service).map(ServerRecovery.isolated)
  }
}
