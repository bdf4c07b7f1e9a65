import Cluster
import Foundation
import Logging
import NodeHost
import SharedStore
import StatusMonitor
import Testing

@testable import Sidecar

/// M1 M3: sm-notify moves records to `sm.bak`, and the kernel goes on with their clients as monitored.
@Suite("Records that sm-notify retires before they are mirrored", .timeLimit(.minutes(2)))
struct MirrorRetirementTests {
  private struct Place {
    let path = NSTemporaryDirectory() + "lockferry-retired-" + UUID().uuidString
    let store = MemoryStore()
    let mirror: MirrorShell
    let service: ServiceName

    init() async throws {
      let service = try #require(ServiceName("home"))
      self.service = service
      for folder in ["/sm", "/sm.bak"] {
        try FileManager.default.createDirectory(atPath: path + folder, withIntermediateDirectories: true)
      }
      let node = try #require(NodeName("a"))
      let own = Ownership(node: node, epoch: 1, state: .online, boot: "boot").bytes
      _ = try await store.commit(
        StoreTransaction(writes: [.init(try ClusterKeys.owner(service), own)]), within: .seconds(1))
      mirror = try MirrorShell(
        directory: StatusDirectory(path: path), store: store, timings: MirrorTimings(),
        storeTimeout: .seconds(1), clock: ContinuousClock(),
        log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), ownerBytes: { _, _ in own },
        onOwnerRenewed: { _, _, _ in })
      await mirror.onClaimed(service, epoch: 1)
    }

    func write(_ name: String, in folder: String) throws {
      let line = "0100007f 000186b5 00000003 00000010 \(String(repeating: "0", count: 32)) \(name) nfs\n"
      try line.write(toFile: path + folder + name, atomically: false, encoding: .utf8)
    }

    func isStored(_ name: String) async throws -> Bool {
      let key = try ClusterKeys.record(service, ClientName(name))
      for _ in 0..<1500 {
        if try await store.read(key, within: .seconds(1)) != nil { return true }
        try await Task.sleep(for: .milliseconds(20))
      }
      return false
    }
  }

  @Test func whatLiesThereWhenTheMirrorBeginsReachesTheStore() async throws {
    let place = try await Place()
    defer { try? FileManager.default.removeItem(atPath: place.path) }
    try place.write("10.0.0.11", in: "/sm.bak/")
    try place.write("10.0.0.12", in: "/sm/")
    try await withThrowingTaskGroup(of: Void.self) { (group) async throws -> Void in
      group.addTask { await place.mirror.run() }
      defer { group.cancelAll() }
      await place.mirror.begin(place.service, epoch: 1, planIsRunning: false)
      #expect(try await place.isStored("10.0.0.12"))
      #expect(try await place.isStored("10.0.0.11"))
      let status = await place.mirror.status(place.service)
      #expect(status?.recordsSeen == 1)
    }
  }

  @Test func whatIsMovedThereBeforeTheDaemonHasReadItReachesTheStore() async throws {
    let place = try await Place()
    defer { try? FileManager.default.removeItem(atPath: place.path) }
    try await withThrowingTaskGroup(of: Void.self) { (group) async throws -> Void in
      group.addTask { await place.mirror.run() }
      defer { group.cancelAll() }
      await place.mirror.begin(place.service, epoch: 1, planIsRunning: false)
      try place.write("10.0.0.12", in: "/sm/")
      #expect(try await place.isStored("10.0.0.12"))
      for index in 0..<20 {
        let name = "10.0.1.\(index)"
        try place.write(name, in: "/sm/")
        try FileManager.default.moveItem(
          atPath: place.path + "/sm/" + name, toPath: place.path + "/sm.bak/" + name)
      }
      for index in 0..<20 {
        let isStored = try await place.isStored("10.0.1.\(index)")
        #expect(isStored, "10.0.1.\(index)")
      }
    }
  }
}
