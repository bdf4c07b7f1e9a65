import Cluster
import NodeHost

extension RecoveryFacts {
  /// What this node knows of itself that matters to a restart. Blocks as long as the kernel starts or stops its NFS server.
  static func read(for restart: NodeRestart, _ directory: StatusDirectory) throws -> RecoveryFacts {
    RecoveryFacts(
      kernel: KernelVersion(release: KernelRelease.read()), serverThreads: NFSServerFacts.read().threads,
      pins: try MountTable.read().usersOfLockManager, clients: try directory.clientCount(),
      isUnderSystemd: NFSService().isUnderSystemd, liftsGrace: try SmNotifySettings.liftsGrace(),
      // A look at every process.
      seesLockManager: restart == .lockManager && LockManagerThread.find() != nil,
      isInFirstNamespace: NetworkNamespaces.isInFirst(),
      isolatedServices: NetworkNamespaces.isolatedServices())
  }
}
