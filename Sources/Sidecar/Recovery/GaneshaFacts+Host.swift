import Cluster
import NodeHost
import RPCTransport

extension GaneshaFacts {
  /// What this node's NFS-Ganesha says of itself now, within a few seconds.
  static func read(_ directory: StatusDirectory) async throws -> GaneshaFacts {
    let (threads, clients) = try await OwnThread.run("lf-facts") {
      (NFSServerFacts.read().threads, try directory.clientCount())
    }
    var facts = GaneshaFacts(kernelThreads: threads, clients: clients)
    do {
      _ = try await GaneshaAdmin.standing()
      facts.configuration = try await GaneshaAdmin.configuration().map {
        Configuration(path: $0.path, gracePeriod: $0.gracePeriod, isGraceless: $0.isGraceless)
      }
    } catch {
      facts.problem = error.message
    }
    do {
      try await NullCall.run(
        program: 100_021, version: 4, over: .tcp, host: "127.0.0.1", within: .seconds(2))
    } catch {
      facts.lockManagerProblem = error.message
    }
    return facts
  }
}
