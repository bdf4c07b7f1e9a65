import CalloutProtocol
import Cluster
import Foundation
import Logging
import NodeHost
import SharedStore
import StatusMonitor
import Testing

@testable import Sidecar

/// M2 M3 B1: what a registration hears while the owner key changes.
@Suite("A mirror under an owner key that changes", .timeLimit(.minutes(2))) struct MirrorOwnerTests {
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
    let mirror = try MirrorShell(
      directory: StatusDirectory(path: path), store: store, timings: MirrorTimings(),
      storeTimeout: .seconds(1), clock: ContinuousClock(),
      log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), ownerBytes: { _, _ in believed }
    )
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await mirror.run() }
      defer { group.cancelAll() }
      await mirror.begin(service, epoch: 2, planIsRunning: false)
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
}
