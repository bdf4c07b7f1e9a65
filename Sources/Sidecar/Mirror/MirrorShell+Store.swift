import Cluster
import Logging
import NodeHost
import SharedStore
import StatusMonitor

/// What the mirror reads from the store and writes to it, under the owner's epoch.
extension MirrorShell {
  /// So often a plan of this node's own may change the owner key under one batch.
  private static let ownChanges = 4

  func load(_ service: ServiceName, epoch: UInt64) async {
    while entries[service]?.epoch == epoch, !Task.isCancelled {
      do {
        // What an earlier daemon, or an earlier mirror of this one, had sent under this epoch must not land after this.
        if entries[service]?.isFresh == false { try await renewOwner(service, epoch: epoch) }
        let prefix = try ClusterKeys.records(service)
        let values = try await store.list(below: prefix, within: limit)
        var stored: [ClientName: [UInt8]] = [:]
        for (key, bytes) in values {
          guard let name = key.components.last, let client = try? ClientName(name) else { continue }
          stored[client] = bytes
        }
        adopt(service, epoch: epoch, stored: stored)
        // Not the last scan: what was installed since would count as missing.
        return await inTurn { await self.rescan() }
      } catch {
        log.warning(
          "the mirror waits for the store", metadata: ["service": "\(service)", "error": "\(error)"])
        try? await clock.sleep(for: .seconds(1))
      }
    }
  }

  private func adopt(_ service: ServiceName, epoch: UInt64, stored: [ClientName: [UInt8]]) {
    guard var entry = entries[service], entry.epoch == epoch else { return }
    entry.instance = MirrorInstance(timings: timings, stored: stored)
    entries[service] = entry
    apply(service) { [isLockManagerUp] in $0.onLockManager(isUp: isLockManagerUp, now: .now) }
    if isGraceRunning { apply(service) { $0.onGracePeriod(isRunning: true, now: .now) } }
    if entry.isPlanRunning { apply(service) { $0.onPlan(isRunning: true, now: .now) } }
  }

  func commit(_ batch: MirrorBatch, _ service: ServiceName, epoch: UInt64) async {
    do {
      var writes: [StoreTransaction.Write] = []
      for change in batch.changes {
        writes.append(.init(try ClusterKeys.record(service, change.client), change.record))
        if change.record == nil { writes.append(.init(try ClusterKeys.restart(service, change.client), nil)) }
      }
      if let problem = try await write(writes, service, epoch: epoch, renewsOwner: batch.renewsOwner) {
        return failed(batch, service, epoch, problem, mayLand: false)
      }
      guard entries[service]?.epoch == epoch else { return }
      entries[service]?.commits += 1
      entries[service]?.deletions += batch.changes.count { $0.record == nil }
      apply(service) { $0.onCommitted(batch.number, now: .now) }
    } catch {
      failed(batch, service, epoch, "\(error)", mayLand: (error as? StoreError)?.code == .timedOut)
    }
  }

  /// Writes under the epoch, and the owner key anew where that is wanted.
  ///
  /// - Returns: nil where it is done, else why nothing was written and nothing will be.
  /// - Throws: ``StoreError``.
  private func write(
    _ writes: [StoreTransaction.Write], _ service: ServiceName, epoch: UInt64, renewsOwner: Bool
  ) async throws -> String? {
    guard var owner = await ownerBytes(service, epoch) else {
      return "this node does not hold epoch \(epoch) now"
    }
    let ownerKey = try ClusterKeys.owner(service)
    for _ in 0..<Self.ownChanges {
      let renewed = renewsOwner ? Ownership(bytes: owner)?.renewed.bytes : nil
      let transaction = StoreTransaction(
        comparisons: [.init(ownerKey, equals: owner)],
        writes: writes + (renewed.map { [.init(ownerKey, $0)] } ?? []))
      switch try await store.commit(transaction, within: limit) {
      case .committed:
        if let renewed { await onOwnerRenewed(service, owner, renewed) }
        return nil
      case .conflict(_, let found):
        // A plan of this node's own writes the key as well. Whoever waits for this batch may be a client that reclaims
        // its lock: with `refuse` it would lose it for that.
        guard let found, Ownership(bytes: found)?.isSameTenure(as: Ownership(bytes: owner)) == true else {
          return "the owner key has changed"
        }
        owner = found
      }
    }
    return "the owner key goes on changing"
  }

  private func renewOwner(_ service: ServiceName, epoch: UInt64) async throws {
    if let problem = try await write([], service, epoch: epoch, renewsOwner: true) {
      throw PlanError("\(problem); looking again")
    }
  }

  private func failed(
    _ batch: MirrorBatch, _ service: ServiceName, _ epoch: UInt64, _ problem: String, mayLand: Bool
  ) {
    guard entries[service]?.epoch == epoch else { return }
    apply(service) {
      $0.onCommitFailed(
        batch.number, because: problem, mayLand: mayLand, retryAfter: .milliseconds(500), now: .now)
    }
  }

  /// The node's own number has been told to clients at its reboots: the service's must not fall behind it.
  func raiseStoredState(_ service: ServiceName, epoch: UInt64) {
    jobs.start { [directory] in
      guard
        case .number(let local)? = try? await OwnThread.run("lf-state", { try directory.stateNumber() })
      else { return }
      await self.raiseStoredState(service, epoch: epoch, to: local)
    }
  }

  private func raiseStoredState(_ service: ServiceName, epoch: UInt64, to local: StateNumber) async {
    if let stored = entries[service]?.storedState, stored >= local { return }
    do {
      let written = try await ServiceStateNumber.raise(service, to: local, store: store, limit: limit) {
        await self.ownerBytes(service, epoch)
      }
      if entries[service]?.epoch == epoch { entries[service]?.storedState = written }
    } catch {
      log.warning(
        "the state number is not in the store yet; tried again at the next rescan",
        metadata: ["service": "\(service)", "error": "\(error)"])
    }
  }
}
