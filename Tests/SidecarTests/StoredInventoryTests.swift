import Cluster
import SharedStore
import Testing

@testable import Sidecar

/// B4: an inventory of locks counts for one adoption, and for that one once.
@Suite("An inventory in the store") struct StoredInventoryTests {
  private struct Refused: Error {}

  private func store(epoch: UInt64) async throws -> (MemoryStore, StoreKey) {
    let store = MemoryStore()
    let key = try ClusterKeys.inventory(try #require(ServiceName("home")))
    let lock = ServiceLock(mount: 0, inode: 7, isExclusive: true, start: 0, end: nil)
    let bytes = try #require(LockInventory(epoch: epoch, locks: [lock])).bytes
    _ = try await store.commit(StoreTransaction(writes: [.init(key, bytes)]), within: .seconds(1))
    return (store, key)
  }

  private func take(_ store: MemoryStore, epoch: UInt64) async throws -> LockInventory? {
    try await StoredInventory.take(
      try #require(ServiceName("home")), epoch: epoch, from: store, within: .seconds(1)
    ) { write, comparison in
      let transaction = StoreTransaction(comparisons: [comparison], writes: [write])
      guard try await store.commit(transaction, within: .seconds(1)) == .committed else { throw Refused() }
    }
  }

  @Test func whoeverGoesThroughTheAdoptionAgainFindsNone() async throws {
    let (store, key) = try await store(epoch: 4)
    #expect(try await take(store, epoch: 5)?.locks.count == 1)
    #expect(try await store.read(key, within: .seconds(1)) == nil)
    #expect(try await take(store, epoch: 5) == nil)
  }

  @Test("Only the release just before counts", arguments: [3, 4, 6, 7] as [UInt64])
  func otherEpochs(epoch: UInt64) async throws {
    let (store, key) = try await store(epoch: 4)
    #expect(try await take(store, epoch: epoch) == nil)
    #expect(try await store.read(key, within: .seconds(1)) != nil)
  }

  @Test func whereItCannotBeTakenOutItDoesNotCount() async throws {
    let (store, _) = try await store(epoch: 4)
    let service = try #require(ServiceName("home"))
    await #expect(throws: Refused.self) {
      _ = try await StoredInventory.take(service, epoch: 5, from: store, within: .seconds(1)) { _, _ in
        throw Refused()
      }
    }
  }
}
