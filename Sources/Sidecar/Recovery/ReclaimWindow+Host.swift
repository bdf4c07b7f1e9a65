import Cluster
import NodeHost

extension ReclaimWindow {
  /// What this node's kernel says now.
  ///
  /// - Parameter known: what is left at least of a grace period of which lockferry itself knows since when it runs; nil
  ///   where there is none.
  static func read(known: Duration? = nil) async throws -> ReclaimWindow {
    let (facts, seen) = try await OwnThread.run("lf-nfsd") {
      let facts = NFSServerFacts.read()
      return (facts, facts.graceEnded == false ? GracePeriod.left() : nil)
    }
    let left = [known, seen].compactMap(\.self).filter { $0 > .zero }.max()
    return ReclaimWindow(isServing: facts.isServing, graceEnded: facts.graceEnded, left: left)
  }
}
