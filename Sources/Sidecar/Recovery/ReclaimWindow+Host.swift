import Cluster
import NodeHost

extension ReclaimWindow {
  /// What a kernel's NFS server says now, this node's or an isolated service's.
  ///
  /// - Parameter known: what is left at least of a grace period of which lockferry itself knows since when it runs; nil
  ///   where there is none.
  static func read(_ facts: NFSServerFacts, known: Duration? = nil) async throws -> ReclaimWindow {
    let seen = facts.graceEnded == false ? try await OwnThread.run("lf-nfsd") { GracePeriod.left() } : nil
    let left = [known, seen].compactMap(\.self).filter { $0 > .zero }.max()
    return ReclaimWindow(isServing: facts.isServing, graceEnded: facts.graceEnded, left: left)
  }
}
