internal import Cluster

/// Reading of `recovery.server`.
enum NodeFileRecovery {
  private static let words = NodeRestart.allCases.map(\.rawValue) + ["isolated"]
  private static let forms =
    words.map { "`\($0)`" }.joined(separator: ", ") + ", {isolated: {...}} or {command: [...]}"

  /// `restart-nfs`, `restart-lockd`, `isolated`, `{isolated: {exports: ..., threads: 8, gateway: 10.0.0.1}}`, or
  /// `{command: [...], timeout: 60s}`
  static func server(_ value: NodeFileValue, of service: String) -> ServerRecovery? {
    if value.isScalar {
      return value.word(words, forms).map { word in
        NodeRestart(rawValue: word).map(ServerRecovery.restart)
          ?? .isolated(NodeFileIsolation.preset(of: service))
      }
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
