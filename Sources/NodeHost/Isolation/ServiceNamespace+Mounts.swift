import CLinux
import Glibc
import Synchronization

/// The mounts that a service sees.
extension ServiceNamespace {
  /// The folder of the mount namespaces is made private once.
  private static let oneAtATime = Mutex(())

  /// Where systems have their own programs and settings: no storage that another node may attach.
  private static let systemFolders = [
    "/dev", "/sys", "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64",
  ]

  /// Makes the mount namespace and gives it its name. Blocks; the calling thread is back in its own afterwards.
  func makeMounts(exports: [String], needed: [String]) throws(NodeHostError) {
    try makeFolder(ownRunDirectory, 0o755)
    try makeRunFolderPrivate()
    if try bindNewMounts(exports: exports, needed: needed) { return }
    // Linux refuses to bind what it takes for older than the place (`mnt_ns_loop`). Since namespaces are numbered by each
    // processor for itself (6.18) a new one may look older, unless it is made where the place's own number comes from.
    for processor in 0..<sysconf(Int32(_SC_NPROCESSORS_CONF)) {
      guard lfh_stay_on_processor(Int32(processor)) == 0 else { continue }
      if try bindNewMounts(exports: exports, needed: needed) { return }
    }
    throw NodeHostError(EINVAL, mountNamespace)
  }

  /// False where the kernel does not take a new namespace for one.
  private func bindNewMounts(exports: [String], needed: [String]) throws(NodeHostError) -> Bool {
    let outside = try ownMounts()
    defer { close(outside) }
    let failure = lfh_unshare_mounts_following()
    if failure != 0 {
      throw NodeHostError(-failure, "can't make a mount namespace", remedy: "run lockferry as root")
    }
    let furnished: Result<Int32, NodeHostError>
    do throws(NodeHostError) {
      try furnish(exports: exports, needed: needed)
      furnished = .success(try ownMounts())
    } catch {
      furnished = .failure(error)
    }
    let back = lfh_enter_mounts(outside)
    // It stays while it has a descriptor, and then while it has a name.
    let inside = try furnished.get()
    defer { close(inside) }
    if back != 0 { throw NodeHostError(-back, "can't go back to the mounts of this node") }
    _ = try Descriptor.open(mountNamespace, O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o600)
    let bound = lfh_bind("/proc/thread-self/fd/\(inside)", mountNamespace)
    if bound == -EINVAL { return false }
    if bound != 0 { throw NodeHostError(-bound, mountNamespace) }
    return true
  }

  /// What is bound to a name must not be seen in the namespace itself, which the kernel refuses as a loop
  /// (fs/namespace.c, `mnt_ns_loop`).
  private func makeRunFolderPrivate() throws(NodeHostError) {
    let folder = runFolder
    let failure = try Self.oneAtATime.withLock { _ throws(NodeHostError) in
      if try !MountTable.read().has(folder) {
        let failure = lfh_bind(folder, folder)
        if failure != 0 { return failure }
      }
      return lfh_make_private(folder)
    }
    if failure != 0 { throw NodeHostError(-failure, folder) }
  }

  private func ownMounts() throws(NodeHostError) -> Int32 {
    let number = lfh_open_own_mounts()
    guard number >= 0 else { throw NodeHostError(-number, "/proc/thread-self/ns/mnt") }
    return number
  }

  // MARK: - Within

  private func furnish(exports: [String], needed: [String]) throws(NodeHostError) {
    for path in exports {
      var status = stat()
      guard stat(path, &status) == 0 else {
        throw NodeHostError(errno, path, remedy: "it is exported; does storage.attach mount it?")
      }
    }
    let portMapperOwner = owner(of: "/run/rpcbind") ?? account("_rpc") ?? account("rpc")
    try unmountWhatIsNotNeeded(exports: exports, needed: needed)
    try makeRun(portMapperOwner)
    try makeFolder("/var/lib/nfs", 0o755)
    try bind(statusDirectory, "/var/lib/nfs")
    if access("/etc/exports", F_OK) == 0 { try bind(exportsFile, "/etc/exports") }
    if access("/etc/exports.d", F_OK) == 0 { try bind(folder + "/exports.d", "/etc/exports.d") }
  }

  /// A `/run` of its own, furnished elsewhere first: what it shows of the node's must still be seen meanwhile.
  private func makeRun(_ portMapperOwner: (user: uid_t, group: gid_t)?) throws(NodeHostError) {
    let new = folder + "/run"
    try makeFolder(new, 0o755)
    try mount("tmpfs", new, "mode=0755")
    try makeFolder(new + "/rpcbind", 0o755)
    if let portMapperOwner { chown(new + "/rpcbind", portMapperOwner.user, portMapperOwner.group) }
    try makeFolder(new + Self.pipes.dropFirst("/run".count), 0o755)
    let journal = "/run/systemd/journal"
    if access(journal, F_OK) == 0 {
      try makeFolder(new + journal.dropFirst("/run".count), 0o755)
      try bind(journal, new + journal.dropFirst("/run".count))
    }
    if isPath(runDirectory, in: "/run") {
      let place = new + runDirectory.dropFirst("/run".count)
      try makeFolder(place, 0o755)
      try bind(ownRunDirectory, place)
    } else {
      try bind(ownRunDirectory, runDirectory)
    }
    let failure = lfh_move(new, "/run")
    if failure != 0 { throw NodeHostError(-failure, "can't mount \(new) on /run") }
  }

  static let pipes = "/run/rpc_pipefs"

  /// Whatever this node serves besides must not be kept mounted by this service: another node may attach it next.
  private func unmountWhatIsNotNeeded(exports: [String], needed: [String]) throws(NodeHostError) {
    let all = exports + [folder, runDirectory] + needed.map(HostPrograms.resolved) + needed
    for entry in try MountTable.read().entries.reversed()
    where !Self.stays(entry.point, needed: all, exports: exports) {
      let failure = lfh_unmount(entry.point)
      // It went with what it lay below, or another mount hides it.
      if failure != 0, -failure != EINVAL, -failure != ENOENT { throw NodeHostError(-failure, entry.point) }
    }
  }

  /// Whether a mount is one that the service needs: the system's own, what holds something needed, and what is exported.
  static func stays(_ point: String, needed: [String], exports: [String]) -> Bool {
    if point == "/" || point == "/proc" || systemFolders.contains(where: { isPath(point, in: $0) }) {
      return true
    }
    // Its own /run hides the node's, whose name tables of network namespaces would keep those of others.
    if isPath(point, in: "/run") { return point == "/run" }
    return needed.contains { isPath($0, in: point) } || exports.contains { isPath(point, in: $0) }
  }

  // MARK: - Calls

  private func mount(_ type: String, _ target: String, _ options: String?) throws(NodeHostError) {
    let failure = lfh_mount(type, target, options)
    if failure != 0 { throw NodeHostError(-failure, "can't mount \(type) on \(target)") }
  }

  private func bind(_ source: String, _ target: String) throws(NodeHostError) {
    let failure = lfh_bind(source, target)
    if failure != 0 { throw NodeHostError(-failure, "can't mount \(source) on \(target)") }
  }

  private func owner(of path: String) -> (user: uid_t, group: gid_t)? {
    var status = stat()
    return stat(path, &status) == 0 ? (status.st_uid, status.st_gid) : nil
  }

  private func account(_ name: String) -> (user: uid_t, group: gid_t)? {
    SystemAccount(named: name).map { ($0.user, $0.group) }
  }
}
