import Cluster
import Logging
import NodeHost

/// Looks at the serving kernel until every lock of an inventory is back, then ends the grace period; or until that is over.
actor ReclaimRun {
  /// From one look to the next.
  private static let interval = Duration.milliseconds(100)

  private let watch: ReclaimWatch
  private let locks: ServiceLocks
  private let namespace: ServiceNamespace?
  private let server: (turn: ServerTurn, restarts: Int)?
  private let others: @Sendable () async throws -> [String]
  private let holdsEpoch: @Sendable () async throws -> Bool
  private let onLocks: @Sendable (RecoveryLedger.Locks?) async -> Void
  private let all: Int
  private let start = BootClock.now
  private var outcome: String?

  /// - Parameters:
  ///   - namespace: where the lock manager is that serves them; nil: this process's own.
  ///   - server: this node's NFS server, and how often it had been restarted when this grace period ran; nil where that
  ///     is not the one that serves them.
  ///   - others: clients besides those of the service that this lock manager knows.
  ///   - holdsEpoch: the store's word, asked for before the grace period is ended.
  ///   - onLocks: told after each look how many are back; nil: nobody counts them any more.
  init(
    _ inventory: LockInventory, locks: ServiceLocks, namespace: ServiceNamespace?,
    server: (turn: ServerTurn, restarts: Int)?,
    others: @escaping @Sendable () async throws -> [String],
    holdsEpoch: @escaping @Sendable () async throws -> Bool,
    onLocks: @escaping @Sendable (RecoveryLedger.Locks?) async -> Void
  ) {
    watch = ReclaimWatch(inventory)
    all = inventory.locks.count
    self.locks = locks
    self.namespace = namespace
    self.server = server
    self.others = others
    self.holdsEpoch = holdsEpoch
    self.onLocks = onLocks
  }

  /// Runs until there is nothing left to do, or the task is cancelled.
  func run(_ service: ServiceName, log: Logger) async {
    while outcome == nil, !Task.isCancelled {
      do {
        outcome = try await look()
      } catch {
        // The grace period ends by itself; nobody loses anything for not having been looked at.
        outcome = Self.fullLength("\(error)")
        await onLocks(nil)
      }
      if outcome == nil { try? await Task.sleep(for: Self.interval) }
    }
    if let outcome {
      log.notice("reclaims", metadata: ["service": "\(service)", "outcome": "\(outcome)"])
    }
  }

  /// What became of it, or how far it is when `patience` ends.
  func word(within patience: Duration) async throws -> String {
    let end = BootClock.now + patience
    while outcome == nil, BootClock.now < end { try await Task.sleep(for: .milliseconds(20)) }
    return outcome
      ?? "the grace period goes on until all \(all) locks are back, for its full length at most"
  }

  /// Why the grace period is left alone.
  static func fullLength(_ why: String) -> String {
    "the grace period runs for its full length: \(why)"
  }

  private func look() async throws -> String? {
    if let server, await server.turn.restarts != server.restarts {
      return Self.fullLength("this node's NFS server was restarted for another service since")
    }
    let (locks, namespace) = (locks, namespace)
    let present = try await OwnThread.run("lf-reclaims") { try locks.held() }
    let facts = try await NFSServerFacts.read(for: namespace)
    switch watch.look(present: present, graceEnded: facts.graceEnded, others: try await others()) {
    case .wait(let missing):
      await onLocks(.init(back: all - missing, held: all, isFinal: false))
      return nil
    case .leave(let why):
      await onLocks(nil)
      return Self.fullLength(why)
    case .over(let missing):
      await onLocks(.init(back: all - missing, held: all, isFinal: true))
      return missing == 0
        ? "all \(all) locks are back"
        : "\(missing) of \(all) locks were not back when the grace period was over"
    case .end:
      await onLocks(.init(back: all, held: all, isFinal: true))
      guard try await holdsEpoch() else { return Self.fullLength("the service has left this node") }
      guard try await end() else { return nil }
      let took = (BootClock.now - start).wholeMilliseconds
      return "all \(all) locks are back after \(took) ms, and the grace period is ended"
    }
  }

  /// Ends the grace period; false where it is another one by now.
  private func end() async throws -> Bool {
    let (server, namespace) = (server, namespace)
    try await server?.turn.take(toRestart: false)
    do {
      let isTheSame =
        if let server { await server.turn.restarts == server.restarts } else { true }
      if isTheSame {
        try await OwnThread.run("lf-reclaims") {
          try namespace?.enter()
          try GracePeriod.end()
        }
      }
      await server?.turn.leave()
      return isTheSame
    } catch {
      await server?.turn.leave()
      throw error
    }
  }
}
