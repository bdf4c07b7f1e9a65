import CLinux
import Glibc

/// The NFS server of one service, in its own namespaces: rpcbind, a status monitor, nfsdcld, rpc.mountd, and the threads of
/// nfsd.
///
/// Nothing of it is a child of ours that would end with us: the programs go into the background by themselves, where systemd
/// runs the machine in units of their own, and who runs is asked of the kernel.
public struct ServiceServer: Sendable {
  /// Where it runs.
  public let namespace: ServiceNamespace
  /// Threads of nfsd.
  public let threads: Int
  /// lockd's grace period in seconds, which nfsd's own follows. The kernel has one length for all namespaces, read when a
  /// grace period begins (fs/lockd/svc.c; per namespace from Linux 6.15 on).
  public let graceSeconds: Int
  /// Keeps the records of its clients.
  public let statusMonitor: ServiceProgram
  /// NFSv4; nil where it speaks NFSv3 alone.
  public let version4: ServiceVersion4?
  /// Keeps those of NFSv4's clients.
  public var recoveryDaemon: ServiceProgram { .recoveryDaemon(version4) }

  private static let commandLimit = Duration.seconds(30)
  /// What nfsd takes (fs/nfsd/nfsctl.c, `__write_time`; fs/lockd/svc.c, `nlm_grace_period_max`).
  private static let grace = 10...240

  /// Nothing is started yet.
  public init(
    namespace: ServiceNamespace, threads: Int, gracePeriod: Duration, statusMonitor: ServiceStatusMonitor,
    version4: ServiceVersion4? = nil
  ) {
    self.namespace = namespace
    self.threads = threads
    self.statusMonitor = .statusMonitor(statusMonitor)
    self.version4 = version4
    let (seconds, rest) = gracePeriod.components
    graceSeconds = min(max(Int(seconds) + (rest > 0 ? 1 : 0), Self.grace.lowerBound), Self.grace.upperBound)
  }

  /// What stays in the background, in the order in which it is started.
  var programs: [ServiceProgram] { [.portMapper, statusMonitor, recoveryDaemon, .mountDaemon] }

  /// Where every program is that will be run within.
  ///
  /// - Throws: ``NodeHostError`` (`absent`) that says which package is missing.
  public func programPaths() throws(NodeHostError) -> [String] {
    // What starts them is not run within.
    if Systemd.runsThisMachine() { _ = try ProgramScope.Programs.ofThisMachine() }
    var paths: [String] = []
    for program in programs { paths.append(try program.path()) }
    for name in ["exportfs", "rpc.nfsd"] {
      paths.append(try HostPrograms.find(name, package: ServiceProgram.nfsPackage))
    }
    return paths
  }

  /// Those that are not there.
  ///
  /// - Throws: ``NodeHostError`` where `/proc` can't be listed.
  public func missing() throws(NodeHostError) -> [ServiceProgram] {
    let names = Set(try NamespaceProcesses(of: namespace).members().map(\.name))
    return programs.filter { !names.contains($0.name) }
  }

  /// Starts a program; returns when it has gone into the background.
  ///
  /// - Throws: ``NodeHostError`` with what it said.
  public func start(_ program: ServiceProgram) async throws {
    if program == recoveryDaemon { try await mount("rpc_pipefs", on: ServiceNamespace.pipes) }
    if program == statusMonitor { try await Self.endStatusMonitor(in: namespace, within: Self.commandLimit) }
    let arguments = [try program.path()] + program.arguments
    let scope = try ProgramScope.ofThisMachine(
      for: arguments, named: "\(namespace.name)-\(program.name)",
      description: "\(program.name) of NFS service \(namespace.service)", in: namespace)
    guard let scope else { return try await run(arguments) }
    try check(await scope.start(within: Self.commandLimit), of: arguments)
  }

  /// Has the kernel and rpc.mountd know the exports.
  ///
  /// - Throws: ``NodeHostError`` with what exportfs said.
  public func export() async throws {
    guard access("/etc/exports", F_OK) == 0 else {
      throw NodeHostError(
        .absent,
        "there is no /etc/exports, in whose place the service would see its own; make an empty one: touch /etc/exports"
      )
    }
    // As exportfs needs it to try the exports out.
    try await mount("nfsd", on: "/proc/fs/nfsd")
    try await run([try HostPrograms.find("exportfs", package: ServiceProgram.nfsPackage), "-ra"])
  }

  /// Starts the threads of nfsd, and lockd with them: its grace period begins now.
  ///
  /// - Throws: ``NodeHostError`` with what rpc.nfsd said.
  public func startThreads() async throws {
    let arguments = [try HostPrograms.find("rpc.nfsd", package: ServiceProgram.nfsPackage)] + threadArguments
    let outcome = await namespace.run(arguments, hostName: version4?.scope, within: Self.commandLimit)
    try check(outcome, of: arguments)
  }

  /// Of rpc.nfsd. The lease of NFSv4 is as long as the grace period. No longer: clients say something after two thirds of it,
  /// and only then find out that the server has restarted. No shorter: nfsd may give a write delegation with a reclaim (seen
  /// on Linux 6.12; fs/nfsd/nfs4state.c, `nfs4_open_delegation`), whose client then keeps its locks to itself. If it is recalled
  /// they are no reclaims, and wait until lockd's grace period is over as well; nfsd's own may have ended by then,
  /// and a lease later nfsd takes back by force what is not returned (`nfs4_laundromat`).
  var threadArguments: [String] {
    ["--grace-time", "\(graceSeconds)", "--nfs-version", "3"]
      + (version4 == nil
        ? ["--no-nfs-version", "4"] : ["--lease-time", "\(graceSeconds)", "--nfs-version", "4"])
      + ["\(threads)"]
  }

  /// Whether this kernel has an NFS server, loaded or as a module; nil where that can't be seen.
  ///
  /// - Parameter modules: `/lib/modules/RELEASE`.
  public static func hasKernelServer(modules: String) -> Bool? {
    knowsFileSystem("nfsd") ? true : KernelModules.has("nfsd", in: modules)
  }

  /// Loads the kernel's NFS server, where it is a module.
  ///
  /// - Throws: ``NodeHostError`` (`absent`) where this kernel has none.
  public static func loadKernelServer() async throws {
    if knowsFileSystem("nfsd") { return }
    let modprobe = try HostPrograms.find("modprobe", package: "kmod")
    let outcome = await HostCommand.run([modprobe, "nfsd"], within: commandLimit)
    guard knowsFileSystem("nfsd") else {
      throw NodeHostError(
        .absent, "this kernel has no NFS server (nfsd): modprobe nfsd: \(told(outcome))")
    }
  }

  // MARK: - Parts

  private func mount(_ type: String, on target: String) async throws {
    let namespace = namespace
    try await OwnThread.run("lf-mount", within: Self.commandLimit) {
      try namespace.enter()
      guard try !MountTable.read().entries.contains(where: { $0.point == target && $0.type == type }) else {
        return
      }
      let failure = lfh_mount(type, target, nil)
      if failure != 0 { throw NodeHostError(-failure, "can't mount \(type) on \(target)") }
    }
  }

  private func run(_ arguments: [String]) async throws {
    try check(await namespace.run(arguments, within: Self.commandLimit), of: arguments)
  }

  private func check(_ outcome: CommandOutcome, of arguments: [String]) throws(NodeHostError) {
    guard outcome.succeeded else {
      throw NodeHostError(
        .failed, "\(arguments.joined(separator: " ")): \(Self.told(outcome))")
    }
  }

  private static func told(_ outcome: CommandOutcome) -> String {
    let said = outcome.output.split(separator: "\n").suffix(3).joined(separator: " / ")
    return said.isEmpty ? "\(outcome)" : "\(outcome): \(said)"
  }

  static func knowsFileSystem(_ type: String) -> Bool {
    let known = (try? contentsOfFile("/proc/filesystems")) ?? []
    return String(decoding: known, as: UTF8.self).split { $0 == "\n" || $0 == "\t" }.contains { $0 == type }
  }
}
