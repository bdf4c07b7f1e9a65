import CLinux
import Glibc

/// Bringing the namespaces up and taking them away.
extension ServiceNamespace {
  private static let commandLimit = Duration.seconds(10)

  /// The folders that outlive the namespaces. Files that are there stay.
  ///
  /// - Parameter owner: user and group as which the status monitor runs.
  /// - Throws: ``NodeHostError`` where they can't be made.
  public func makeFolders(owner: (user: UInt32, group: UInt32)) throws(NodeHostError) {
    for path in [folder, statusDirectory, folder + "/exports.d"] { try makeFolder(path, 0o711) }
    try makeFolder(ownRunDirectory, 0o755)
    try makeFolder(statusDirectory + "/nfsdcld", 0o700)
    for name in ["sm", "sm.bak"] {
      let path = "\(statusDirectory)/\(name)"
      try makeFolder(path, 0o700)
      guard chown(path, owner.user, owner.group) == 0 else { throw NodeHostError(errno, path) }
    }
    for name in ["state", "etab", "rmtab"] {
      let path = "\(statusDirectory)/\(name)"
      _ = try Descriptor.open(path, O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o644)
      guard name == "state" else { continue }
      guard chown(path, owner.user, owner.group) == 0 else { throw NodeHostError(errno, path) }
    }
  }

  /// Makes both namespaces, after ``tearDown(within:)`` has taken away what stood. The link is up and has no address.
  ///
  /// - Parameter server: what will be run within; the file systems that it needs stay mounted there.
  /// - Throws: ``NodeHostError``: no such interface, no room, not root, an exported path that isn't there.
  public func make(exports: ExportLines, for server: ServiceServer) async throws {
    var needed = try server.programPaths()
    try await mustRun(["netns", "add", name])
    try await makeLink()
    if let records = server.version4?.clientRecords { needed.append(records) }
    let (place, paths, version4) = (self, needed, server.version4)
    try await OwnThread.run("lf-mounts", within: .seconds(30)) {
      try version4?.makeFolder(exports: exports.paths)
      try DurableFile.write(Array(exports.text.utf8), to: place.exportsFile, mode: 0o644)
      try place.makeMounts(exports: exports.paths, needed: paths)
    }
  }

  /// Takes everything away, from whatever stands: link and address first, then nfsd, the processes, the mounts, the
  /// network. Does nothing where nothing stands.
  ///
  /// - Parameter limit: for nfsd and for the processes, each.
  /// - Throws: ``NodeHostError`` that says what is still there.
  public func tearDown(within limit: Duration) async throws {
    let place = self
    guard try await OwnThread.run("lf-isolated", { place.stands() }) else { return }
    try await cutOff()
    try await ServiceServer.stop(in: self, within: limit)
    try await OwnThread.run("lf-isolated", within: limit * 2) { try place.removeMounts(within: limit) }
    _ = try await ip(["netns", "delete", name])
    guard try await OwnThread.run("lf-isolated", { !place.stands() }) else {
      throw NodeHostError(
        .failed, "\(networkNamespace) or \(mountNamespace) is still there; who uses it? lsns -t net")
    }
  }

  /// Takes the link away, and the address with it: whatever hangs within, no client reaches it any more.
  ///
  /// - Throws: ``NodeHostError`` where it is still there.
  public func cutOff() async throws {
    guard access(networkNamespace, F_OK) == 0 else { return }
    let outcome = try await ip(["-n", name, "link", "delete", Self.interface])
    let place = self
    let isThere = try await OwnThread.run("lf-isolated", within: Self.commandLimit) {
      // Where no namespace is bound to the file, there is no link in it.
      guard (try? place.enterNetwork()) != nil else { return false }
      return (try? LinkTable.link(Self.interface)) != nil
    }
    if isThere { throw failure("can't take \(Self.interface) out of \(name)", outcome) }
  }

  /// Sends what has no nearer way to `gateway`; does nothing where that is so.
  ///
  /// - Throws: ``NodeHostError``: no such gateway in the network of the service's address.
  public func route(to gateway: String) async throws {
    try await mustRun(["-n", name, "route", "replace", "default", "via", gateway, "dev", Self.interface])
  }

  // MARK: - The link

  /// A bridge gets a cable, anything else carries a further hardware address of its own (macvlan).
  private func makeLink() async throws {
    let isBridge = try await !ip(["-o", "link", "show", "dev", parent, "type", "bridge"]).output.isEmpty
    if isBridge {
      // The other end went with the namespace of a daemon that was killed; the kernel takes this one a moment later.
      _ = try await ip(["link", "delete", cable])
      try await mustRun([
        "link", "add", cable, "type", "veth", "peer", "name", Self.interface, "netns", name,
      ])
      try await mustRun(["link", "set", cable, "master", parent, "up"])
    } else {
      try await mustRun([
        "link", "add", "link", parent, "name", Self.interface, "netns", name, "type", "macvlan", "mode",
        "bridge",
      ])
    }
    // lockd calls its status monitor, and that one lockd, at 127.0.0.1 (fs/lockd/mon.c).
    try await mustRun(["-n", name, "link", "set", "lo", "up"])
    try await mustRun(["-n", name, "link", "set", Self.interface, "up"])
  }

  /// The end of the cable on this side: FNV-1a of the service's name, since 15 bytes are all that a link's name may have.
  private var cable: String {
    let sum = service.utf8.reduce(UInt32(0x811c_9dc5)) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    return "lf-" + String(sum, radix: 16)
  }

  // MARK: - Parts

  /// Nobody sees the mounts any more when their name goes: whoever is left would keep the file system mounted, and nobody
  /// could find them.
  private func removeMounts(within limit: Duration) throws(NodeHostError) {
    let start = BootClock.now
    while try MountTable.read().has(mountNamespace) {
      if let space = NamespaceProcesses.identity(mountNamespace), try NamespaceProcesses.anybodySees(space) {
        guard BootClock.now - start < limit else {
          throw NodeHostError(
            .failed, "somebody still uses the mounts of \(service) and keeps its file systems; lsns -t mnt")
        }
        usleep(5_000)
        continue
      }
      let failure = lfh_unmount(mountNamespace)
      if failure != 0 { throw NodeHostError(-failure, mountNamespace) }
    }
    guard unlink(mountNamespace) == 0 || errno == ENOENT else { throw NodeHostError(errno, mountNamespace) }
  }

  private func mustRun(_ arguments: [String]) async throws {
    let outcome = try await ip(arguments)
    guard outcome.succeeded else { throw failure("ip \(arguments.joined(separator: " "))", outcome) }
  }

  private func ip(_ arguments: [String]) async throws -> CommandOutcome {
    await HostCommand.run(
      [try HostPrograms.find("ip", package: "iproute2 (iproute on Red Hat)")] + arguments,
      environment: ["LC_ALL": "C"], within: Self.commandLimit)
  }

  private func failure(_ subject: String, _ outcome: CommandOutcome) -> NodeHostError {
    let said = outcome.output.split(separator: "\n").joined(separator: " ")
    return NodeHostError(.failed, "\(subject): \(outcome)" + (said.isEmpty ? "" : ": \(said)"))
  }
}

func makeFolder(_ path: String, _ mode: mode_t) throws(NodeHostError) {
  var made = ""
  for part in path.split(separator: "/") {
    made += "/" + part
    guard mkdir(made, made == path ? mode : 0o755) != 0 else { continue }
    guard errno == EEXIST else { throw NodeHostError(errno, made) }
  }
}
