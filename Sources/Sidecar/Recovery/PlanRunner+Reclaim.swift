import Cluster
import NodeHost
import SharedStore

/// The inventory of locks that a release leaves, and what an adoption makes of it.
extension PlanRunner {
  /// How long a table of locks may go on changing after the address has gone.
  private static let looks = 20

  /// Every lock of the service, once the kernel has answered what had arrived before the address went: two looks in a row
  /// see the same. Without an inventory nothing is lost but time.
  func takeInventory(_ writes: inout [StoreTransaction.Write]) async throws -> String {
    let key = try ClusterKeys.inventory(service.name)
    do {
      let facts = try await NFSServerFacts.read(for: context.namespace)
      if let obstacle = LockInventory.obstacle(isServing: facts.isServing, graceEnded: facts.graceEnded) {
        throw PlanError(obstacle)
      }
      let locks = ServiceLocks(mounts: service.storageMounts)
      var last: [ServiceLock]?
      for _ in 0..<Self.looks {
        let held = try await OwnThread.run("lf-inventory") { try locks.held() }
        guard held != last else {
          guard let inventory = LockInventory(epoch: epoch, locks: held) else {
            throw PlanError("more than \(LockInventory.mostLocks) locks")
          }
          writes.append(.init(key, inventory.bytes))
          return "\(held.count) locks are held"
        }
        last = held
        try await Task.sleep(for: .milliseconds(50))
      }
      throw PlanError("the locks of \(service.name) go on changing, though its address has gone")
    } catch {
      try Task.checkCancellation()
      writes.append(.init(key, nil))
      return "none (\(error)); the next owner's grace period runs for its full length"
    }
  }

  /// Begins to look for the locks that the former owner wrote down.
  ///
  /// - Returns: nil where that is not asked for; else how to wait for the outcome.
  func beginReclaims() async throws -> (@Sendable (Duration) async throws -> String)? {
    guard plan.kind == .adoption, !service.storageMounts.isEmpty, service.serverRecovery != nil else {
      return nil
    }
    if let obstacle = try await obstacleToInventory() {
      return { _ in ReclaimRun.fullLength(obstacle) }
    }
    let taken = try await StoredInventory.take(
      service.name, epoch: epoch, from: context.store, within: context.limit
    ) { try await write([$0], comparing: [$1]) }
    guard let inventory = taken else {
      return { _ in ReclaimRun.fullLength("nobody knows which locks there are to come back") }
    }
    let locks = ServiceLocks(mounts: service.storageMounts)
    do {
      // Nobody was told yet. What is there already, of an earlier time here, must not be taken for reclaimed.
      let before = try await OwnThread.run("lf-inventory") { try locks.held() }
      guard before.isEmpty else {
        return { _ in ReclaimRun.fullLength("\(before.count) locks were there before anybody was told") }
      }
    } catch {
      return { _ in ReclaimRun.fullLength("\(error)") }
    }
    let (own, name, epoch, runner) = (context.ownClients, service.name, epoch, self)
    let (isAlone, recoveries) = (service.isolation != nil, context.recoveries)
    let restarts = await context.serverTurn.restarts
    let run = ReclaimRun(
      inventory, locks: locks, namespace: context.namespace,
      server: isAlone ? nil : (context.serverTurn, restarts),
      others: { isAlone ? [] : try await own.others(than: name, epoch: epoch) },
      holdsEpoch: { try await runner.holdsEpoch() },
      onLocks: { await recoveries.onLocks($0, name, epoch: epoch) })
    // Until the first look nobody may take the clients alone for all there is to wait for.
    await recoveries.onLocks(
      .init(back: 0, held: inventory.locks.count, isFinal: false), name, epoch: epoch)
    let log = context.log
    context.jobs.start { await run.run(name, log: log) }
    return { try await run.word(within: $0) }
  }

  /// Who besides the service's clients could have locks to reclaim, which no inventory lists.
  private func obstacleToInventory() async throws -> String? {
    if let isolation = service.isolation {
      // Nobody else is a client of its lock manager, so that only a file system could be missing from the inventory.
      let (exports, mounts) = (try await isolation.exportLines().paths, service.storageMounts)
      let points = try await OwnThread.run("lf-mounts") { try MountTable.read().points(reachedBy: exports) }
      return points.first { !mounts.contains($0) }
        .map { "clients reach \($0) as well, which storage.mounts does not name" }
    }
    if service.usesGanesha { return "which locks NFS-Ganesha holds can't be seen" }
    guard service.tellsOwnClients else { return "recovery.own_clients is leave" }
    switch try await context.ownClients.locksBefore(service.name, epoch: epoch) {
    case nil: return "what else this node's lock manager held before the restart is not known"
    case 0: return nil
    case let count?: return "\(count) locks of other clients were held on this node before the restart"
    }
  }
}
