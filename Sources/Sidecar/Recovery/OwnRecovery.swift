import Cluster
import NodeHost

/// What lockferry itself does to a node's NFS server, without an operator's command, when a service comes there.
enum OwnRecovery: Equatable {
  case restart(NodeRestart)
  case ganesha

  /// As the node file calls it.
  var word: String {
    switch self {
    case .restart(let restart): restart.rawValue
    case .ganesha: "ganesha"
    }
  }

  /// What it would come to on this node, as that is now. Takes as long as the kernel starts or stops its NFS server, or
  /// as NFS-Ganesha has time to answer.
  ///
  /// - Parameter length: how long its grace period has to last, `mirror.grace_period`.
  /// - Throws: where this node's own files can't be read.
  func procedure(_ directory: StatusDirectory, length: Duration) async throws -> RecoveryProcedure {
    switch self {
    case .restart(let restart):
      let facts = try await OwnThread.run("lf-facts") { try RecoveryFacts.read(for: restart, directory) }
      return restart.procedure(on: facts)
    case .ganesha:
      return try await GaneshaFacts.read(directory).procedure(length: length)
    }
  }
}

extension ServiceConfiguration {
  /// What lockferry itself does when the service comes here; nil where a command does what is to be done, nothing is, or
  /// the service brings a server of its own.
  var ownRecovery: OwnRecovery? {
    switch serverRecovery {
    case .restart(let restart): .restart(restart)
    case .ganesha: .ganesha
    case .command, .isolated, nil: nil
    }
  }

  /// Whether something tells, beforehand, that this node could not adopt it.
  var isChecked: Bool { !checks.isEmpty || ownRecovery != nil || isolation != nil }
}
