internal import Foundation
internal import Glibc
internal import Synchronization

/// The control socket as a file.
///
/// It must never, not even for a moment, be open to others than those it is meant for, and `umask` belongs to all
/// threads of the process. So it is bound inside a folder that only root may enter, gets its owner and mode there,
/// and is then renamed into its place. The rename also replaces the socket of a dead daemon in one step.
public struct ControlSocket: Sendable {
  /// `<run_directory>/control.sock`
  public let path: String
  /// The folder for it.
  private let directory: String
  private let privateDirectory: String
  /// Where it is bound.
  let privatePath: String
  private let published = Published()

  /// The socket of the daemon with this run directory.
  public init(runDirectory: String) {
    directory = runDirectory
    path = runDirectory + "/control.sock"
    privateDirectory = runDirectory + "/.new"
    privatePath = privateDirectory + "/sock"
  }

  /// What became of an attempt to connect.
  public enum Probe: Sendable, Equatable {
    /// Somebody listens.
    case listening
    /// There is nothing at the path.
    case absent
    /// There is a socket, but nobody listens: its daemon is dead.
    case nobodyListens
    /// This user may not open it.
    case permissionDenied
    /// Something else, as the system calls it.
    case failed(String)
  }

  /// Connects to a socket and closes it again; never waits.
  public static func probe(path: String) -> Probe {
    guard var address = sockaddr_un(path: path) else { return .failed("the path is longer than 107 bytes") }
    let descriptor = Glibc.socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { return .failed(String(cString: strerror(errno))) }
    defer { close(descriptor) }
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        connect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result != 0 else { return .listening }
    return switch errno {
    case EAGAIN, EINPROGRESS: .listening
    case ENOENT, ENOTDIR: .absent
    case ECONNREFUSED: .nobodyListens
    case EACCES, EPERM: .permissionDenied
    default: .failed(String(cString: strerror(errno)))
    }
  }

  /// The number of a group. The name service may ask other machines, so a thread of its own waits for it.
  static func groupID(of name: String) async throws -> gid_t {
    let found: Result<gid_t, EndpointError> = await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: lookUp(group: name)) }
    }
    return try found.get()
  }

  private static func lookUp(group name: String) -> Result<gid_t, EndpointError> {
    var buffer = [CChar](repeating: 0, count: 16_384)
    while true {
      var entry = Glibc.group()
      var result: UnsafeMutablePointer<Glibc.group>?
      let code = getgrnam_r(name, &entry, &buffer, buffer.count, &result)
      if code == EINTR { continue }
      if code == ERANGE, buffer.count < 16 << 20 {
        buffer = [CChar](repeating: 0, count: buffer.count * 2)
        continue
      }
      guard code == 0, result != nil else {
        let reason = code == 0 ? "no such group" : String(cString: strerror(code))
        return .failure(
          EndpointError(
            "control_group: \(name): \(reason) on this machine; make it with `groupadd --system \(name)` or leave"
              + " control_group out"))
      }
      return .success(entry.gr_gid)
    }
  }

  /// Makes the folders, and makes sure that no daemon listens already.
  func prepare() throws {
    try makeDirectory()
    var status = stat()
    if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFSOCK {
      throw EndpointError("control socket: \(path) is not a socket; move it away")
    }
    if Self.probe(path: path) == .listening {
      throw EndpointError(
        "control socket: another daemon listens on \(path); give every node of this machine its own run_directory"
      )
    }
    // Left behind by a daemon that was killed in between.
    unlink(privatePath)
    rmdir(privateDirectory)
    guard mkdir(privateDirectory, 0o700) == 0 else { throw failure("make", privateDirectory) }
  }

  private func makeDirectory() throws {
    if mkdir(directory, 0o755) == 0 {
      // Whatever the umask took away.
      guard chmod(directory, 0o755) == 0 else { throw failure("set the mode of", directory) }
    } else if errno != EEXIST {
      throw failure("make", directory)
    }
    var status = stat()
    guard stat(directory, &status) == 0 else { throw failure("look at", directory) }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw EndpointError(
        "control socket: \(directory) is not a folder; change run_directory in the node file")
    }
    guard status.st_uid == geteuid() || status.st_uid == 0, status.st_mode & 0o022 == 0 else {
      throw EndpointError(
        "control socket: others may write to \(directory) and could put their own socket there; make it root's with"
          + " `chown root \(directory)` and `chmod 0755 \(directory)`")
    }
  }

  /// Gives the bound socket its owner and mode and shows it.
  func publish(groupID: gid_t?) throws {
    if let groupID {
      guard lchown(privatePath, uid_t.max, groupID) == 0 else {
        throw failure("give to its group", privatePath)
      }
    }
    guard chmod(privatePath, groupID == nil ? 0o600 : 0o660) == 0 else {
      throw failure("set the mode of", privatePath)
    }
    guard rename(privatePath, path) == 0 else { throw failure("rename into its place", privatePath) }
    published.set(Identity(path: path))
    rmdir(privateDirectory)
  }

  /// Removes what this daemon made, and nothing of another.
  func remove() {
    unlink(privatePath)
    rmdir(privateDirectory)
    if let identity = published.identity, identity == Identity(path: path) { unlink(path) }
  }

  private func failure(_ verb: String, _ path: String) -> EndpointError {
    EndpointError("control socket: can't \(verb) \(path): \(String(cString: strerror(errno)))")
  }

  /// Which file is at a path. An inode's number alone is given to the next file as soon as it is free.
  private struct Identity: Equatable {
    var inode: ino_t
    var seconds: Int
    var nanoseconds: Int

    init?(path: String) {
      var status = stat()
      guard lstat(path, &status) == 0 else { return nil }
      inode = status.st_ino
      seconds = status.st_ctim.tv_sec
      nanoseconds = status.st_ctim.tv_nsec
    }
  }

  /// The socket that was shown.
  private final class Published: Sendable {
    private let value = Mutex<Identity?>(nil)
    var identity: Identity? { value.withLock { $0 } }
    func set(_ identity: Identity?) { value.withLock { $0 = identity } }
  }
}

extension sockaddr_un {
  /// Nil where the path doesn't fit.
  fileprivate init?(path: String) {
    self.init()
    sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let fits = withUnsafeMutableBytes(of: &sun_path) { target in
      guard bytes.count < target.count, !bytes.contains(0) else { return false }
      target.copyBytes(from: bytes)
      return true
    }
    guard fits else { return nil }
  }
}
