import CLinux
import Glibc

/// The processes of a service's namespaces: who they are is asked of the kernel, so that whoever was started by a daemon
/// that died since, or has forked since, is found as well.
struct NamespaceProcesses {
  /// One of them.
  struct Member: Sendable {
    var process: Int32
    /// `comm`, at most 15 bytes.
    var name: String
  }

  private let namespace: ServiceNamespace

  /// Those of `namespace`.
  init(of namespace: ServiceNamespace) { self.namespace = namespace }

  /// How long they have between SIGTERM and SIGKILL.
  static let terminationGrace = Duration.milliseconds(500)

  /// Everybody whose first thread is in one of the namespaces, by process id.
  ///
  /// - Throws: ``NodeHostError`` where `/proc` can't be listed.
  func members() throws(NodeHostError) -> [Member] {
    let wanted = spaces()
    if wanted.isEmpty { return [] }
    var members: [Member] = []
    for name in try OpenDirectory("/proc").names() {
      guard let process = Int32(String(decoding: name, as: UTF8.self)), isIn("\(process)", wanted) else {
        continue
      }
      let comm = (try? contentsOfFile("/proc/\(process)/comm", limit: 64)) ?? []
      members.append(Member(process: process, name: printableText(comm.filter { $0 != UInt8(ascii: "\n") })))
    }
    return members.sorted { $0.process < $1.process }
  }

  /// Whether any thread, of whatever process, sees the service's mounts: while one does, its file system stays mounted.
  ///
  /// - Parameter mounts: the mount namespace.
  /// - Throws: ``NodeHostError`` where `/proc` can't be listed.
  static func anybodySees(_ mounts: DirectoryIdentity) throws(NodeHostError) -> Bool {
    for name in try OpenDirectory("/proc").names() {
      guard let process = Int32(String(decoding: name, as: UTF8.self)),
        // It may have ended meanwhile.
        let threads = try? OpenDirectory("/proc/\(process)/task").names()
      else { continue }
      for thread in threads
      where identity("/proc/\(process)/task/\(String(decoding: thread, as: UTF8.self))/ns/mnt") == mounts {
        return true
      }
    }
    return false
  }

  /// Ends those whom `isMeant` names, all by default: SIGTERM, then SIGKILL; or SIGKILL alone. Blocks until they are gone.
  ///
  /// - Throws: ``NodeHostError`` where somebody is still there after `limit`.
  func end(
    within limit: Duration, kills atOnce: Bool = false, where isMeant: (Member) -> Bool = { _ in true }
  ) throws(NodeHostError) {
    let start = BootClock.now
    var told: Set<Int32> = []
    while true {
      let left = try members().filter(isMeant)
      if left.isEmpty { return }
      let elapsed = BootClock.now - start
      for member in left {
        let kills = atOnce || elapsed >= Self.terminationGrace
        if kills || told.insert(member.process).inserted { signal(member.process, kills ? SIGKILL : SIGTERM) }
      }
      guard elapsed < limit else {
        let names = left.map { "\($0.name) (\($0.process))" }.joined(separator: ", ")
        throw NodeHostError(.failed, "\(names) can't be ended; does a disk hang?")
      }
      usleep(5_000)
    }
  }

  /// The number may have become somebody else's meanwhile: a descriptor can't.
  private func signal(_ process: Int32, _ signal: Int32) {
    let number = lfh_open_process(process)
    guard number >= 0 else { return }
    defer { close(number) }
    guard isIn("\(process)", spaces()) else { return }
    _ = lfh_signal_process(number, signal)
  }

  /// What the names lead to. A name that leads to where this daemon itself is names nobody whom it may end.
  private func spaces() -> [String: DirectoryIdentity] {
    ["net": namespace.networkNamespace, "mnt": namespace.mountNamespace].compactMapValues(Self.identity)
      .filter { Self.identity("/proc/self/ns/\($0.key)") != $0.value }
  }

  private func isIn(_ process: String, _ wanted: [String: DirectoryIdentity]) -> Bool {
    wanted.contains { Self.identity("/proc/\(process)/ns/\($0.key)") == $0.value }
  }

  static func identity(_ path: String) -> DirectoryIdentity? {
    var status = stat()
    return stat(path, &status) == 0 ? DirectoryIdentity(status) : nil
  }
}
