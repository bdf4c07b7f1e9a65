import CalloutProtocol
import Cluster
import Foundation
import Logging
import SharedStore
import StatusMonitor
import Testing

@testable import NodeHost
@testable import Sidecar

/// M2 M3 B1: what a registration hears while the owner key changes.
@Suite("A mirror under an owner key that changes", .timeLimit(.minutes(30))) struct MirrorOwnerTests {
  private let service = ServiceName("home")

  private func owner(_ node: String, _ epoch: UInt64, _ state: Ownership.State) throws -> [UInt8] {
    Ownership(node: try #require(NodeName(node)), epoch: epoch, state: state, boot: "boot").bytes
  }

  /// Registers a client at a node that believes that the owner key says `believed`, while the store says `stored`.
  private func register(believed: [UInt8], stored: [UInt8]) async throws -> (MirrorShell.Addition, [UInt8]?) {
    let service = try #require(service)
    let path = NSTemporaryDirectory() + "lockferry-owner-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: path) }
    try FileManager.default.createDirectory(atPath: path + "/sm", withIntermediateDirectories: true)
    let line = "0100007f 000186b5 00000003 00000010 \(String(repeating: "0", count: 32)) 10.0.0.11 nfs\n"
    try line.write(toFile: path + "/sm/10.0.0.11", atomically: false, encoding: .utf8)
    let store = MemoryStore()
    _ = try await store.commit(
      StoreTransaction(writes: [.init(try ClusterKeys.owner(service), stored)]), within: .seconds(1))
    let thread = try ThreadExecutor(name: "lf-test")
    defer { thread.stop() }
    let mirror = MirrorShell(
      directory: StatusDirectory(path: path), store: store, timings: MirrorTimings(),
      storeTimeout: .seconds(1), thread: thread,
      log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
      ownerBytes: { _, _ in believed },
      onOwnerRenewed: { _, _, _ in })
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await mirror.run() }
      defer { group.cancelAll() }
      await mirror.onClaimed(service, epoch: 2)
      await mirror.begin(service, epoch: 2, planIsRunning: false)
      // A registration waits five seconds at most, which a busy machine may need to begin.
      while await mirror.records(service) == nil { try await Task.sleep(for: .milliseconds(10)) }
      let names = try CalloutRequest.Names(monName: Array("10.0.0.11".utf8), myName: Array("nfs".utf8))
      let addition = await mirror.add(names, fresh: nil)
      let key = try ClusterKeys.record(service, ClientName("10.0.0.11"))
      return (addition, try await store.read(key, within: .seconds(1)))
    }
  }

  @Test(
    "Its own plan, which ends in this moment, refuses nobody (seen in the kernel lab: a reclaim was lost)")
  func ownPlan() async throws {
    let (addition, record) = try await register(
      believed: owner("b", 2, .adopting), stored: owner("b", 2, .online))
    #expect(addition == .durable)
    #expect(record != nil)
  }

  @Test(
    "Whoever has lost the service writes nothing",
    arguments: [("c", 3), ("b", 3), ("c", 2)] as [(String, UInt64)])
  func lost(node: String, epoch: UInt64) async throws {
    let (addition, record) = try await register(
      believed: owner("b", 2, .online), stored: owner(node, epoch, .online))
    #expect(addition == .notDurable(because: "the owner key has changed"))
    #expect(record == nil)
  }

  @Test func whoeverHasReleasedItWritesNothing() async throws {
    let (addition, record) = try await register(
      believed: owner("b", 2, .releasing), stored: owner("b", 2, .released))
    #expect(addition == .notDurable(because: "the owner key has changed"))
    #expect(record == nil)
  }

  // MARK: - Batches that land late

  /// A mirror of `home` at a store that can lose answers. `register` writes the client's record with a cookie of its own,
  /// as statd does, and calls out.
  private func mirroring(
    isFresh: Bool,
    _ body: (LateStore, MirrorShell, _ register: (Character) async throws -> MirrorShell.Addition)
      async throws -> Void
  ) async throws {
    let service = try #require(service)
    let path = NSTemporaryDirectory() + "lockferry-late-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: path) }
    try FileManager.default.createDirectory(atPath: path + "/sm", withIntermediateDirectories: true)
    let store = LateStore()
    let key = try ClusterKeys.owner(service)
    let own = try owner("b", 2, .online)
    _ = try await store.commit(StoreTransaction(writes: [.init(key, own)]), within: .seconds(1))
    let thread = try ThreadExecutor(name: "lf-test")
    defer { thread.stop() }
    let mirror = MirrorShell(
      directory: StatusDirectory(path: path), store: store, timings: MirrorTimings(),
      storeTimeout: .seconds(1), thread: thread,
      log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), ownerBytes: { _, _ in own },
      onOwnerRenewed: { _, _, _ in })
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await mirror.run() }
      defer { group.cancelAll() }
      if isFresh { await mirror.onClaimed(service, epoch: 2) }
      await mirror.begin(service, epoch: 2, planIsRunning: false)
      // A registration waits five seconds at most, which a busy machine may need to begin.
      while await mirror.records(service) == nil { try await Task.sleep(for: .milliseconds(10)) }
      let client = try ClientName("10.0.0.11")
      let names = try CalloutRequest.Names(monName: Array("10.0.0.11".utf8), myName: Array("nfs".utf8))
      try await body(store, mirror) { cookie in
        let line =
          "0100007f 000186b5 00000003 00000010 \(String(repeating: cookie, count: 32)) 10.0.0.11 nfs\n"
        try line.write(toFile: path + "/sm/10.0.0.11", atomically: false, encoding: .utf8)
        return await mirror.add(names, fresh: .init(client: client, bytes: Array(line.utf8)))
      }
    }
  }

  private func storedCookie(_ store: LateStore) async throws -> Character? {
    let service = try #require(service)
    let bytes = try await store.read(
      try ClusterKeys.record(service, ClientName("10.0.0.11")), within: .seconds(1))
    return bytes.map { String(decoding: $0, as: UTF8.self) }?.dropFirst(36).first
  }

  /// Found by the simulator (seed 11722).
  @Test func aBatchWhoseAnswerWasLostDoesNotLandOverANewerOne() async throws {
    try await mirroring(isFresh: true) { (store, _, register) async throws -> Void in
      #expect(try await register("a") == .durable)
      #expect(await store.generation == 0)
      await store.loseNext()
      #expect(try await register("b") == .notDurable(because: "the answer was lost"))
      #expect(try await register("c") == .durable)
      #expect(try await storedCookie(store) == "c")
      #expect(await store.generation == 1)
      #expect(try await store.landLost() == 1)
      #expect(try await storedCookie(store) == "c")
      // Whatever follows costs no more than before.
      #expect(try await register("d") == .durable)
      #expect(await store.generation == 1)
    }
  }

  @Test func nothingThatAnEarlierDaemonHadSentLandsAfterTheNextHasReadTheRecords() async throws {
    let service = try #require(service)
    try await mirroring(isFresh: false) { (store, _, register) async throws -> Void in
      let own = try owner("b", 2, .online)
      await store.lose(
        StoreTransaction(
          comparisons: [.init(try ClusterKeys.owner(service), equals: own)],
          writes: [.init(try ClusterKeys.record(service, ClientName("10.0.0.11")), nil)]))
      #expect(try await register("a") == .durable)
      #expect(await store.generation == 1)
      #expect(try await store.landLost() == 1)
      #expect(try await storedCookie(store) == "a")
    }
  }

  /// A release waits for the last records with the service's address away: a store that takes none must not keep it there.
  @Test func whatTheStoreDoesNotTakeIsWaitedForWithinALimit() async throws {
    let service = try #require(service)
    try await mirroring(isFresh: true) { (store, mirror, register) async throws -> Void in
      #expect(try await register("a") == .durable)
      await mirror.flush(service, within: .seconds(60))
      #expect(await mirror.status(service)?.recordsMirrored == 1)
      await store.loseAll(true)
      #expect(try await register("b") == .notDurable(because: "the answer was lost"))
      let start = ContinuousClock.now
      await mirror.flush(service, within: .milliseconds(300))
      #expect(ContinuousClock.now - start >= .milliseconds(300))
      let status = try #require(await mirror.status(service))
      #expect(status.recordsSeen == 1 && status.recordsMirrored == 0)
      await store.loseAll(false)
      await mirror.flush(service, within: .seconds(60))
      #expect(await mirror.status(service)?.recordsMirrored == 1)
    }
  }
}

/// A store that carries some transactions out later, though nobody waits for them any more.
private actor LateStore: SharedStore {
  private let store = MemoryStore()
  private var losesNext = false
  private var losesAll = false
  private var lost: [StoreTransaction] = []

  nonisolated var location: String { "memory, late" }

  /// The next transaction is not answered, and not carried out before ``landLost()``.
  func loseNext() { losesNext = true }

  /// No transaction is answered until it is said otherwise.
  func loseAll(_ losesAll: Bool) { self.losesAll = losesAll }

  func lose(_ transaction: StoreTransaction) { lost.append(transaction) }

  /// Carries out what was lost; returns how many transactions found something else than they had expected.
  func landLost() async throws -> Int {
    var refused = 0
    for transaction in lost {
      if try await store.commit(transaction, within: .seconds(1)) != .committed { refused += 1 }
    }
    lost = []
    return refused
  }

  var generation: Int? {
    get async {
      guard let service = ServiceName("home"), let key = try? ClusterKeys.owner(service) else { return nil }
      let bytes = try? await store.read(key, within: .seconds(1))
      return bytes.flatMap { Ownership(bytes: $0) }?.generation
    }
  }

  func read(_ keys: [StoreKey], within limit: Duration) async throws(StoreError) -> [StoreKey: [UInt8]] {
    try await store.read(keys, within: limit)
  }

  func list(below prefix: StoreKey, within limit: Duration) async throws(StoreError) -> [StoreKey: [UInt8]] {
    try await store.list(below: prefix, within: limit)
  }

  func commit(_ transaction: StoreTransaction, within limit: Duration) async throws(StoreError)
    -> StoreOutcome
  {
    if losesNext || losesAll {
      losesNext = false
      lost.append(transaction)
      throw StoreError(.timedOut, "the answer was lost")
    }
    return try await store.commit(transaction, within: limit)
  }
}
