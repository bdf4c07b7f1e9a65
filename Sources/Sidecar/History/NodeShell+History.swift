import Cluster
import Logging
import SharedStore
import StatusMonitor

/// What is written into the history after an entry stands.
extension NodeShell {
  /// So often another write of this node may come between.
  private static let attempts = 5

  /// What became of the clients that had not answered when their entry was written, under the epoch that told them.
  /// False where it has to be tried again.
  ///
  /// Without clients the entry keeps those that it has.
  func revise(
    _ entry: HistoryEntry, _ clients: [HistoryEntry.Client]?, _ service: ServiceName, epoch: UInt64
  ) async -> Bool {
    await revise(entry.number, service, epoch: epoch) { stored in
      (stored.outcome, stored.problem) = (entry.outcome, entry.problem)
      (stored.milliseconds, stored.names) = (entry.milliseconds, entry.names)
    } clients: { _ in
      clients
    }
  }

  /// What is known of the clients' locks after an adoption. False where it has to be tried again.
  ///
  /// - Parameter isWhole: for every client as well, not the counts alone.
  func reviseRecovery(
    _ number: Int, _ service: ServiceName, epoch: UInt64, clients isWhole: Bool
  ) async -> Bool {
    await revise(number, service, epoch: epoch) { _ in
    } clients: { stored in
      guard isWhole else { return nil }
      if let number = stored.stateNumber.flatMap({ Int32(exactly: $0) }).flatMap(StateNumber.init),
        let report = await self.notifications.report(service, epoch: epoch, number: number)
      {
        return report.clients
      }
      return try await HistoryLedger.read(stored, service, in: self.store).clients
    }
  }

  /// Changes an entry as the store has it: whoever tells clients and whoever watches their recovery both write into it.
  private func revise(
    _ number: Int, _ service: ServiceName, epoch: UInt64, change: (inout HistoryEntry) -> Void,
    clients: (HistoryEntry) async throws -> [HistoryEntry.Client]?
  ) async -> Bool {
    do {
      let key = try ClusterKeys.history(service, number: number)
      for _ in 0..<Self.attempts {
        let bytes = try await store.read(key, within: configuration.beats.storeTimeout)
        // Somebody has removed it, or mended it by hand.
        guard let bytes, let stored = StoreJSON.value(HistoryEntry.self, bytes) else { return true }
        var entry = stored
        change(&entry)
        if entry.kind == "adoption" {
          entry.recovery = await recoveries.recovery(service, epoch: epoch) ?? entry.recovery
        }
        var writes: [StoreTransaction.Write] = []
        if let clients = try await clients(stored) {
          writes = try await HistoryLedger.write(
            try await withRecovery(clients, stored, service, epoch: epoch), of: &entry, service, in: store
          ) { write in
            guard try await commit([write], service, epoch: epoch) else { throw EpochIsGone() }
          }
        }
        writes.append(.init(key, try StoreJSON.bytes(entry)))
        if try await commit(writes, comparing: [.init(key, equals: bytes)], service, epoch: epoch) {
          return true
        }
        guard ownerBytes(service, epoch) != nil else { return true }
      }
      return false
    } catch is EpochIsGone {
      // The mirror writes the owner key anew at times: then the epoch is still here.
      return ownerBytes(service, epoch) == nil
    } catch {
      log.warning(
        "the history does not say yet what became of everybody",
        metadata: ["service": "\(service)", "error": "\(error)"])
      return false
    }
  }

  /// What the entry says stays where nobody knows better any more.
  private func withRecovery(
    _ clients: [HistoryEntry.Client], _ stored: HistoryEntry, _ service: ServiceName, epoch: UInt64
  ) async throws -> [HistoryEntry.Client] {
    guard stored.kind == "adoption", stored.recovery != nil else { return clients }
    let isFollowed = await recoveries.recovery(service, epoch: epoch) != nil
    let clients = await recoveries.annotate(clients, service, epoch: epoch)
    var known: [String: HistoryEntry.Client] = [:]
    for client in try await HistoryLedger.read(stored, service, in: store).clients {
      known[client.client] = client
    }
    return clients.map { client in
      guard let before = known[client.client] else { return client }
      var client = client
      client.mirroredAt = client.mirroredAt ?? before.mirroredAt
      guard !isFollowed else { return client }
      (client.outcome, client.why) = (before.outcome, before.why)
      client.registeredMilliseconds = before.registeredMilliseconds
      return client
    }
  }

  /// False where a comparison fails; the owner key is compared, too.
  func commit(
    _ writes: [StoreTransaction.Write], comparing comparisons: [StoreTransaction.Comparison] = [],
    durability: StoreTransaction.Durability = .durable, _ service: ServiceName, epoch: UInt64
  ) async throws -> Bool {
    guard let owner = ownerBytes(service, epoch) else { return false }
    let outcome = try await store.commit(
      StoreTransaction(
        comparisons: [.init(try ClusterKeys.owner(service), equals: owner)] + comparisons, writes: writes,
        durability: durability),
      within: configuration.beats.storeTimeout)
    return outcome == .committed
  }
}

/// Somebody else owns the service: nothing more can be written, and nothing needs to be.
private struct EpochIsGone: Error {}
