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
    if entry.isPlanRunning { apply(service) { $0.onPlan(isRunning: true, now: .now) } }
  }

  func commit(_ batch: MirrorBatch, _ service: ServiceName, epoch: UInt64) async {
    do {
      guard var owner = await ownerBytes(service, epoch) else {
        return failed(batch, service, epoch, "this node does not hold epoch \(epoch) now")
      }
      let ownerKey = try ClusterKeys.owner(service)
      var transaction = StoreTransaction()
      for change in batch.changes {
        transaction.writes.append(.init(try ClusterKeys.record(service, change.client), change.record))
        if change.record == nil {
          transaction.writes.append(.init(try ClusterKeys.restart(service, change.client), nil))
        }
      }
      for _ in 0..<Self.ownChanges {
        transaction.comparisons = [.init(ownerKey, equals: owner)]
        switch try await store.commit(transaction, within: limit) {
        case .committed:
          guard entries[service]?.epoch == epoch else { return }
          entries[service]?.commits += 1
          entries[service]?.deletions += batch.changes.count { $0.record == nil }
          apply(service) { $0.onCommitted(batch.number, now: .now) }
          return
        case .conflict(_, let found):
          // A plan of this node's own writes the key as well. Whoever waits for this batch may be a client that reclaims
          // its lock: with `refuse` it would lose it for that.
          guard let found, Ownership(bytes: found)?.isSameTenure(as: Ownership(bytes: owner)) == true else {
            return failed(batch, service, epoch, "the owner key has changed")
          }
          owner = found
        }
      }
      failed(batch, service, epoch, "the owner key goes on changing")
    } catch {
      failed(batch, service, epoch, "\(error)")
    }
  }

  private func failed(_ batch: MirrorBatch, _ service: ServiceName, _ epoch: UInt64, _ problem: String) {
    guard entries[service]?.epoch == epoch else { return }
    apply(service) {
      $0.onCommitFailed(batch.number, because: problem, retryAfter: .milliseconds(500), now: .now)
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
