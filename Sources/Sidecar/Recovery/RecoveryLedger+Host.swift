import Cluster
import NodeHost

extension RecoveryLedger.Grace {
  /// What the kernel's NFS server says now, this node's or an isolated service's.
  static func read(for namespace: ServiceNamespace?) async -> Self {
    guard let facts = try? await NFSServerFacts.read(for: namespace), facts.isServing else { return .unseen }
    switch facts.graceEnded {
    case true?: return .over
    case false?: return .running
    case nil: return .unseen
    }
  }
}
