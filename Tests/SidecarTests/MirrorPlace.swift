import Cluster
import Foundation
import Logging
import NodeHost
import SharedStore
import StatusMonitor
import Testing

@testable import Sidecar

/// A status directory and a mirror of it that writes to a store in memory.
struct MirrorPlace {
  let path = NSTemporaryDirectory() + "lockferry-retired-" + UUID().uuidString
  let store = MemoryStore()
  let thread: ThreadExecutor
  let mirror: MirrorShell
  let service: ServiceName

  init() async throws {
    thread = try ThreadExecutor(name: "lf-test")
    let service = try #require(ServiceName("home"))
    self.service = service
    for folder in ["/sm", "/sm.bak"] {
      try FileManager.default.createDirectory(atPath: path + folder, withIntermediateDirectories: true)
    }
    let node = try #require(NodeName("a"))
    let own = Ownership(node: node, epoch: 1, state: .online, boot: "boot").bytes
    _ = try await store.commit(
      StoreTransaction(writes: [.init(try ClusterKeys.owner(service), own)]), within: .seconds(1))
    mirror = MirrorShell(
      directory: StatusDirectory(path: path), store: store, timings: MirrorTimings(),
      storeTimeout: .seconds(1), thread: thread,
      log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), ownerBytes: { _, _ in own },
      onOwnerRenewed: { _, _, _ in })
    await mirror.onClaimed(service, epoch: 1)
  }

  func leave() {
    thread.stop()
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Writes a record in place.
  func write(_ name: String, in folder: String, cookie: Character = "0") throws {
    let line = "0100007f 000186b5 00000003 00000010 \(String(repeating: cookie, count: 32)) \(name) nfs\n"
    try line.write(toFile: path + folder + name, atomically: false, encoding: .utf8)
  }

  /// Waits, half a minute at most, until the store has a record of the client, with that cookie where one is given.
  func isStored(_ name: String, cookie: Character? = nil) async throws -> Bool {
    for _ in 0..<1500 {
      if let stored = try await stored(name) {
        guard let cookie else { return true }
        if stored.contains(String(repeating: cookie, count: 32)) { return true }
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    return false
  }

  func stored(_ name: String) async throws -> String? {
    try await store.read(try ClusterKeys.record(service, ClientName(name)), within: .seconds(1)).map {
      String(decoding: $0, as: UTF8.self)
    }
  }
}
