import CalloutProtocol
import Glibc

/// The folder in which callout and daemon meet, as ``CalloutPlaces`` draws it.
struct CalloutFolder: Sendable {
  /// The kernel cuts it to net.core.somaxconn.
  private static let queueLength: Int32 = 4096
  private static let privateName = ".new"

  let places: CalloutPlaces

  /// Makes folder and spool, writes the settings, and listens on the socket; `owner` may open it, and nobody else but
  /// root.
  ///
  /// The socket is bound inside a folder that only root may enter, gets owner and mode there, and is then renamed into
  /// its place: it is never open to others, and replaces the one of a daemon that died.
  func open(for owner: FileOwner, settings: CalloutSettings) throws(NodeHostError) -> Descriptor {
    try makeFolder(places.folder, mode: 0o711, owner: FileOwner(user: geteuid(), group: getegid()))
    try makeFolder(places.spool, mode: 0o700, owner: owner)
    try DurableFile.write(settings.bytes, to: places.settings, mode: 0o644)
    let folder = try OpenDirectory(places.folder)
    try makePrivateFolder(in: folder)
    defer { unlinkat(folder.descriptor.number, Self.privateName, AT_REMOVEDIR) }
    let socket = try bindPrivately(for: owner)
    let bound = Self.privateName + "/sock"
    guard renameat(folder.descriptor.number, bound, folder.descriptor.number, "sock") == 0 else {
      let failure = errno
      unlinkat(folder.descriptor.number, bound, 0)
      throw NodeHostError(failure, places.socket)
    }
    return socket
  }

  /// Takes the socket away, so that callouts need not find out that nobody answers.
  func close() {
    unlink(places.socket)
  }

  private func bindPrivately(for owner: FileOwner) throws(NodeHostError) -> Descriptor {
    let folder = try OpenDirectory(places.folder + "/" + Self.privateName)
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let number = socket(AF_UNIX, type, 0)
    guard number >= 0 else { throw NodeHostError(errno, "no socket") }
    let descriptor = Descriptor(owning: number)
    // Short whatever the run directory's path is: a socket's path has 107 bytes at most (unix(7)).
    let path = "/proc/self/fd/\(folder.descriptor.number)/sock"
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let bound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(number, pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard bound == 0 else { throw NodeHostError(errno, "can't bind \(places.socket)") }
    guard
      fchownat(folder.descriptor.number, "sock", owner.user, owner.group, AT_SYMLINK_NOFOLLOW) == 0,
      fchmodat(folder.descriptor.number, "sock", 0o600, 0) == 0
    else { throw NodeHostError(errno, "can't give \(places.socket) to user \(owner.user)") }
    guard listen(number, Self.queueLength) == 0 else { throw NodeHostError(errno, places.socket) }
    return descriptor
  }

  /// What a killed daemon left is removed; nobody but root could have put anything in.
  private func makePrivateFolder(in folder: borrowing OpenDirectory) throws(NodeHostError) {
    unlinkat(folder.descriptor.number, Self.privateName + "/sock", 0)
    unlinkat(folder.descriptor.number, Self.privateName, AT_REMOVEDIR)
    guard mkdirat(folder.descriptor.number, Self.privateName, 0o700) == 0 else {
      throw NodeHostError(errno, "\(places.folder)/\(Self.privateName)")
    }
  }

  private func makeFolder(_ path: String, mode: mode_t, owner: FileOwner) throws(NodeHostError) {
    if mkdir(path, 0o700) != 0, errno != EEXIST { throw NodeHostError(errno, path) }
    // O_NOFOLLOW: chown must not follow a link elsewhere.
    let folder = try Descriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    guard fchown(folder.number, owner.user, owner.group) == 0, fchmod(folder.number, mode) == 0 else {
      throw NodeHostError(errno, path, remedy: "run lockferry as root, or set run_directory")
    }
  }
}
