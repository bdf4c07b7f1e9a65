import Cluster
import Logging
import NodeHost
import StatusMonitor

/// This node's own NFS server, which all services share that are not isolated.
extension NodeShell {
  /// What an earlier daemon had stopped to restart it, and was killed: it is wanted also where the service has gone to
  /// another node meanwhile. No plan restarts it while this is under way.
  func finishRestart() async {
    defer { isFinishingRestart = false }
    let interrupted = InterruptedRestart(runDirectory: configuration.runDirectory)
    do {
      try await serverTurn.take(toRestart: false)
    } catch {
      return
    }
    do {
      if let (part, started) = try await interrupted.finish() {
        if let started {
          log.warning("started what an earlier daemon had stopped", metadata: ["what": "\(started)"])
        }
        if part == .server { await tellOwnClients() }
        interrupted.forget()
      }
    } catch {
      log.critical(
        "an earlier daemon has stopped what can't be started again", metadata: ["error": "\(error)"])
    }
    await serverTurn.leave()
  }

  /// Whose locks went when an earlier daemon stopped the NFS server for an adoption: if the service has gone to another node
  /// meanwhile, no plan here tells them. Where one does, it restarts the server again and takes a later number.
  private func tellOwnClients() async {
    do {
      // Outside of a grace period clients would forget the locks that they still have (fs/lockd/clntproc.c,
      // `nlmclnt_reclaim`).
      let window = try await ReclaimWindow.read(try await NFSServerFacts.read(for: nil))
      let reserve = ReclaimWindow.reserve(
        of: configuration.mirror.gracePeriod, stopTime: configuration.beats.stopTime)
      guard case .open = window, window.obstacle(reserve: reserve) == nil else { return }
      let told = try await ownClients.tellRemembered(
        configuration.services.filter { $0.restartsOwnServer && $0.tellsOwnClients },
        gracePeriod: configuration.mirror.gracePeriod)
      guard let (number, all) = told else { return }
      finishedRestart = (number, .now)
      log.notice(
        "this node's own clients are told of a restart that an earlier daemon began",
        metadata: ["clients": "\(all)", "number": "\(number)"])
    } catch {
      log.critical(
        "this node's own clients have lost their locks and are not told", metadata: ["error": "\(error)"])
    }
  }

  /// Under which names clients know this node, besides those of `service`.
  func namesServed(besides service: ServiceName) -> [String] { servedHere(besides: service).flatMap(\.names) }

  /// Makes the numbers that the store keeps for the other services at least `number`, which their clients are about to be
  /// told by their names: whoever adopts one of them must tell another.
  func raiseNumbers(besides service: ServiceName, to number: StateNumber) async throws {
    for other in servedHere(besides: service) {
      guard let epoch = instance.standing(of: other.name).ownership?.epoch else { continue }
      _ = try await ServiceStateNumber.raise(
        other.name, to: number, store: store, limit: configuration.beats.storeTimeout
      ) { ownerBytes(other.name, epoch) }
    }
  }

  private func servedHere(besides service: ServiceName) -> [ServiceConfiguration] {
    configuration.services.filter {
      $0.name != service && $0.isolation == nil && instance.isServing($0.name)
    }
  }
}
