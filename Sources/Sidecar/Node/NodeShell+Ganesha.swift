import Cluster
import NodeHost

/// NFS-Ganesha, where it serves in the place of the kernel.
extension NodeShell {
  /// Asks it, and tells the mirror what that means. Takes up to a few seconds where Ganesha hangs.
  func tellMirrorOfGanesha() async {
    let asked = BootInstant.now
    let standing = try? await GaneshaAdmin.standing()
    let answer = standing.map { GaneshaWatch.Answer(isInGrace: $0.isInGrace, connection: $0.connection) }
    let lastStart = ganesha?.lastStart
    for standing in ganesha?.onAnswer(answer, asked: asked) ?? [] {
      await mirrors?.shared.onLockManager(isUp: standing.isUp && judge.verdict == .healthy)
      if let isRunning = standing.isGraceRunning {
        await mirrors?.shared.onGracePeriod(isRunning: isRunning)
      }
    }
    if let start = ganesha?.lastStart, start != lastStart { onGaneshaStart(start) }
  }

  /// Whether clients of `name` that are told now could reclaim.
  ///
  /// - Parameter known: as ``ReclaimWindow/read(_:known:)`` has it.
  func reclaimWindow(of name: ServiceName, known: Duration?) async throws -> ReclaimWindow {
    let service = configuration.services.first { $0.name == name }
    guard service?.usesGanesha == true else {
      let length =
        (try? await OwnThread.run("lf-nfsd") { GracePeriod.length() }) ?? configuration.mirror.gracePeriod
      let seen = restarts.graceLeft(of: name, length: length, now: .now)
      return try await ReclaimWindow.read(
        try await serverFacts(of: name), known: [known, seen].compactMap(\.self).max())
    }
    let isInGrace = try await GaneshaAdmin.standing().isInGrace
    let seen = isInGrace ? ganesha?.graceLeft(of: configuration.mirror.gracePeriod, now: .now) : nil
    let left = [known, seen].compactMap(\.self).filter { $0 > .zero }.max()
    return ReclaimWindow(isServing: true, graceEnded: !isInGrace, left: left)
  }
}
