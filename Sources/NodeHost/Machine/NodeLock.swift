import CLinux
import Glibc

/// The right to be the one daemon of a node on this machine; held as long as this value lives, or the process.
///
/// flock(2) on the file: the kernel drops it with the process, so that a crash leaves no stale lock. Nobody may
/// remove the file while a daemon runs.
public final class NodeLock: Sendable {
  private let descriptor: Descriptor
  /// The same for every daemon that would take this lock: this boot of this machine (`boot_id`) and this file
  /// (device and inode).
  public let identity: String

  private init(_ descriptor: consuming Descriptor, identity: String) {
    self.descriptor = descriptor
    self.identity = identity
  }

  deinit {
    lfh_unlock(descriptor.number)
  }

  /// Takes the lock without waiting; the file is made where it isn't there, and stays.
  ///
  /// - Throws: ``NodeHostError``: `held`, with the holder's process id, where another daemon (or another value in
  ///   this process) has it; else what is wrong with the path.
  public static func take(at path: String) throws(NodeHostError) -> NodeLock {
    let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode: 0o600)
    let failure = lfh_lock(file.number)
    guard failure == 0 else {
      guard failure == -EWOULDBLOCK else { throw NodeHostError(-failure, path) }
      let holder = holder(of: file).map { "process \($0)" } ?? "another process"
      throw NodeHostError(
        .held, "\(path) is held by \(holder): a lockferry for this node runs already; stop it first")
    }
    let status: stat
    do {
      status = try file.status()
    } catch {
      throw NodeHostError(error.number, path)
    }
    // Only the kernel's lock counts; the process id is for the message above.
    let text = Array("\(getpid())\n".utf8)
    guard ftruncate(file.number, 0) == 0, pwrite(file.number, text, text.count, 0) == text.count else {
      throw NodeHostError(errno, path)
    }
    let identity = try BootIdentity.read() + " \(status.st_dev):\(status.st_ino)"
    return NodeLock(file, identity: identity)
  }

  private static func holder(of file: borrowing Descriptor) -> Int32? {
    guard case .success(let bytes) = file.read(limit: 32) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    return text.split(separator: "\n").first.flatMap { Int32($0) }
  }
}
