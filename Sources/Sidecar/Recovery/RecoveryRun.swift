import Cluster
import NodeHost
import RPCTransport

/// Carries out what a ``RecoveryProcedure`` says, and looks whether it has come about.
struct RecoveryRun {
  /// What the kernel does at once is seen at once; a slow machine has its time.
  private static let patience = Duration.seconds(10)

  /// How long the next grace period shall last.
  let gracePeriod: Duration
  /// Where it is noted what does not run meanwhile.
  let interrupted: InterruptedRestart
  private let service = NFSService()
  /// Before the grace period that runs now began.
  private var began = BootClock.now
  private var isStopped = false
  /// The kernel's; NFS-Ganesha's length is that of its own configuration.
  private var isKernels = true

  init(gracePeriod: Duration, interrupted: InterruptedRestart) {
    self.gracePeriod = gracePeriod
    self.interrupted = interrupted
  }

  /// What is left at least of the grace period that has begun.
  func graceLeft() throws -> Duration {
    // The server's own start may have set another length than was asked for (nfs.conf, grace-time).
    let kernels = isKernels ? GracePeriod.length() : nil
    return max(began + (kernels ?? gracePeriod) - BootClock.now, .zero)
  }

  /// - Returns: what was done, and seen.
  mutating func run(_ procedure: RecoveryProcedure) async throws -> [String] {
    var done: [String] = []
    for action in procedure.actions {
      do {
        try Task.checkCancellation()
        if let text = try await perform(action.kind) { done.append(text) }
      } catch {
        let rest = await startedAgain()
        throw PlanError("\(action.kind.rawValue): \(error)\(rest)")
      }
    }
    return done
  }

  /// Whatever has failed, this node's other clients want their server back: also if the plan has been called off, on which
  /// its commands would not run any more.
  private func startedAgain() async -> String {
    guard isStopped else { return "" }
    let service = service
    do {
      try await Task { try await service.start() }.value
      return "; the NFS server is started again"
    } catch {
      return "; nor could the NFS server be started again: \(error)"
    }
  }

  private mutating func perform(_ kind: RecoveryProcedure.Action.Kind) async throws -> String? {
    switch kind {
    case .stopServer:
      try interrupted.note(.server)
      isStopped = true
      try await service.stop()
      return nil
    case .expectLockManagerDown:
      try await expectLockManagerDown()
      return "lockd was down"
    case .setGrace:
      let length = gracePeriod
      try await OwnThread.run("lf-grace") { try GracePeriod.set(length: length) }
      return nil
    case .export:
      try await service.export()
      return nil
    case .startServer:
      began = BootClock.now
      try await service.start()
      isStopped = false
      return nil
    case .restartStatusMonitor:
      return try await service.restartStatusMonitor(interrupted)
    case .killLockManager:
      try await killLockManager()
      return "lockd has taken SIGKILL"
    case .startGaneshaGrace:
      (began, isKernels) = (BootClock.now, false)
      try await GaneshaAdmin.startGrace()
      return nil
    case .expectGaneshaGrace:
      guard try await GaneshaAdmin.standing().isInGrace else {
        throw PlanError(
          "NFS-Ganesha has begun no grace period: reclaims would be refused. Graceless must not be set in its configuration"
        )
      }
      let left = try graceLeft()
      return "its grace period runs, of which at least \(left.components.seconds) s are left"
    case .expectGrace:
      try await expectGrace()
      let left = try graceLeft()
      return "its grace period runs, of which at least \(left.components.seconds) s are left"
    }
  }

  /// With its last user the lock manager ends its grace period (fs/lockd/svc.c, `lockd_down_net`): one that runs after
  /// the next start has begun with that. Where it went on, nobody could tell the old one from a new one.
  private func expectLockManagerDown() async throws {
    let facts = try await facts { $0.threads == 0 && $0.graceEnded != false }
    guard facts.threads ?? 0 == 0 else {
      throw PlanError("nfsd still has \(facts.threads ?? 0) threads (/proc/fs/nfsd/threads)")
    }
    guard facts.graceEnded != false else {
      throw PlanError(
        "the NFS server has stopped, but lockd's grace period goes on (/proc/fs/lockd/nlm_end_grace says N): something "
          + "else uses lockd, as an NFSv3 mount of this node does, and no grace period would begin")
    }
  }

  private func expectGrace() async throws {
    let facts = try await facts { $0.isServing && $0.graceEnded == false }
    guard facts.isServing else {
      throw PlanError("nfsd has no threads (/proc/fs/nfsd/threads): it serves nobody")
    }
    guard facts.graceEnded == false else {
      throw PlanError(
        "no grace period has begun (/proc/fs/lockd/nlm_end_grace says Y): reclaims would be refused. Something else "
          + "uses lockd, as an NFSv3 mount on this node does, in whatever mount namespace: unmount it")
    }
  }

  /// The thread takes its signal when it has something to do next, so it is called.
  private mutating func killLockManager() async throws {
    guard let lockManager = LockManagerThread.find() else {
      throw PlanError("the kernel's thread lockd is gone")
    }
    began = BootClock.now
    try lockManager.kill()
    let end = BootClock.now + Self.patience
    repeat {
      // Whether it answers in the middle of this is of no matter.
      try? await NullCall.run(
        program: 100_021, version: 4, over: .udp, host: "127.0.0.1", within: .seconds(1))
      if try !lockManager.isToTakeSignal() { return }
      try await Task.sleep(for: .milliseconds(20))
    } while BootClock.now < end
    throw PlanError("lockd, process \(lockManager.process), does not take SIGKILL")
  }

  /// What the kernel says when it says what is waited for, or after some time.
  private func facts(_ isReached: (NFSServerFacts) -> Bool) async throws -> NFSServerFacts {
    let end = BootClock.now + Self.patience
    while true {
      let facts = try await OwnThread.run("lf-nfsd") { NFSServerFacts.read() }
      if isReached(facts) || BootClock.now >= end { return facts }
      try await Task.sleep(for: .milliseconds(20))
    }
  }
}
