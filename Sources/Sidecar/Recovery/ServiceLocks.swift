import Cluster
import NodeHost

/// The locks that this node's lock manager holds on a service's file systems.
struct ServiceLocks: Sendable {
  /// `storage.mounts`
  let mounts: [String]

  /// - Throws: ``NodeHostError`` where the kernel does not say, or where one of the file systems is not mounted.
  func held() throws(NodeHostError) -> [ServiceLock] {
    let table = try MountTable.read()
    var indices: [DeviceNumber: Int] = [:]
    for (index, path) in mounts.enumerated() {
      guard let device = table.device(at: path) else {
        throw NodeHostError(.absent, "nothing is mounted at \(path), which storage.mounts names")
      }
      if indices[device] == nil { indices[device] = index }
    }
    return try LockTable.read().ofLockManager.compactMap { lock in
      indices[lock.device].map {
        ServiceLock(
          mount: $0, inode: lock.inode, isExclusive: lock.isExclusive, start: lock.start, end: lock.end)
      }
    }
  }

  /// How many locks this node's lock manager holds, on whatever file system; nil where the kernel does not say.
  static func countOfAll() -> Int? { try? LockTable.read().ofLockManager.count }
}
