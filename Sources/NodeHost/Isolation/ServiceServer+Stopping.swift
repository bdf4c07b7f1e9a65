import CLinux
import Glibc

/// Stopping, so that nothing of it stays in the kernel either.
extension ServiceServer {
  /// Stops everything in `namespace`, whatever of it stands.
  ///
  /// The status monitor goes first: a stopping lockd unmonitors all its clients from Linux 6.4 on, and their records are
  /// the next owner's. It is killed, since it would take its port back from rpcbind otherwise: lockd, which is told then
  /// that nobody has that program, asks again for a minute for each of its clients (net/sunrpc/clnt.c,
  /// `call_bind_status`), while a port where nobody listens ends its call at once. rpcbind is there until nfsd is not,
  /// which takes its ports back from it.
  ///
  /// - Parameter limit: for nfsd and for the programs, each.
  /// - Throws: ``NodeHostError`` that says what could not be stopped.
  public static func stop(in namespace: ServiceNamespace, within limit: Duration) async throws {
    let processes = NamespaceProcesses(of: namespace)
    try await endStatusMonitor(in: namespace, within: limit)
    try await OwnThread.run("lf-nfsd-stop", within: limit) {
      let exports = try? ExportLines(file: namespace.exportsFile)
      try stopThreads(in: namespace, exports: exports?.paths ?? [])
    }
    try await OwnThread.run("lf-end", within: limit * 2) { try processes.end(within: limit) }
  }

  /// Kills the status monitor in `namespace`, whichever it is: the node file may have named another one when it was started.
  static func endStatusMonitor(in namespace: ServiceNamespace, within limit: Duration) async throws {
    let processes = NamespaceProcesses(of: namespace)
    try await OwnThread.run("lf-end", within: limit * 2) {
      try processes.end(within: limit, kills: true) { ServiceProgram.isStatusMonitor($0.name) }
    }
  }

  private static func stopThreads(in namespace: ServiceNamespace, exports: [String]) throws(NodeHostError) {
    // Where no network namespace is bound to the file, no nfsd is in it.
    guard access(namespace.networkNamespace, F_OK) == 0, knowsFileSystem("nfsd"),
      (try? namespace.enterNetwork()) != nil
    else { return }
    do throws(NodeHostError) {
      try namespace.enter()
    } catch {
      // A daemon was killed in the middle. nfsd takes its ports back from the rpcbind at this path: never this node's.
      let failure = lfh_unshare_mounts()
      if failure != 0 { throw NodeHostError(-failure, "can't make a mount namespace") }
      let hidden = lfh_mount("tmpfs", "/run", "mode=0755")
      if hidden != 0 { throw NodeHostError(-hidden, "can't mount tmpfs on /run") }
      let mounted = lfh_mount("nfsd", "/proc/fs/nfsd", nil)
      if mounted != 0 { throw NodeHostError(-mounted, "can't mount nfsd on /proc/fs/nfsd") }
    }
    try dropLocks(of: namespace.service, below: exports)
    guard NFSServerFacts.read().isServing else { return }
    let file = try Descriptor.open("/proc/fs/nfsd/threads", O_WRONLY)
    if let failure = file.write(Array("0\n".utf8)) { throw NodeHostError(failure, "/proc/fs/nfsd/threads") }
    guard !NFSServerFacts.read().isServing else {
      throw NodeHostError(.failed, "nfsd of \(namespace.service) still has threads (/proc/fs/nfsd/threads)")
    }
  }

  /// Has lockd let go of every lock on the file systems that clients reach.
  ///
  /// When a namespace stops, lockd forgets its clients without their locks up to Linux 6.3 (fs/lockd/svc.c,
  /// `lockd_down_net`; fs/lockd/host.c, `nlm_shutdown_hosts_net`): it drops them when its thread ends, which goes on for the
  /// node's own NFS server. They would keep the file system mounted while nobody sees it, and be taken for reclaimed when
  /// the service comes back here.
  private static func dropLocks(of service: String, below exports: [String]) throws(NodeHostError) {
    let table = try MountTable.read()
    let points = table.points(reachedBy: exports)
    for point in points {
      // A file system that is not served may be refused, and has no locks: whether any is left is seen below.
      if (try? FileSystemLocks.drop(at: point)) == false { return }
    }
    let devices = Set(points.compactMap(table.device))
    // Where lockferry is in a process namespace of its own the kernel does not say.
    guard let locks = try? LockTable.read().ofLockManager else { return }
    let left = locks.count { devices.contains($0.device) }
    guard left == 0 else {
      throw NodeHostError(
        .failed, "lockd does not let go of \(left) locks of \(service) (/proc/fs/nfsd/unlock_filesystem)")
    }
  }
}
