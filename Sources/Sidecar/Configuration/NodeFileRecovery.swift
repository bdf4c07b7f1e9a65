internal import Cluster

/// Reading of `recovery.server`.
enum NodeFileRecovery {
  private static let forms =
    NodeRestart.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ") + " or {command: [...]}"

  /// `restart-nfs`, `restart-lockd`, or `{command: [...], timeout: 60s}`
  static func server(_ value: NodeFileValue) -> ServerRecovery? {
    guard value.isScalar else { return NodeFileCommands.command(value).map(ServerRecovery.command) }
    return value.word(NodeRestart.allCases.map(\.rawValue), forms).flatMap(NodeRestart.init).map(
      ServerRecovery.restart)
  }
}
