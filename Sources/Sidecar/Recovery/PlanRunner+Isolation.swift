import Cluster
import NodeHost
import RPCTransport
import StatusMonitor

/// The steps of a service that has an NFS server of its own.
extension PlanRunner {
  /// How long the kernel and the programs of a service may take to end.
  private static let endLimit = Duration.seconds(20)

  /// Makes its network and its mounts, after whatever stood of them is taken away: an earlier attempt, or an earlier time
  /// of this service here.
  func makeNamespace() async throws -> String {
    guard let server = context.ownServer, let isolation = service.isolation else { return "nothing to make" }
    let namespace = server.namespace
    try await namespace.tearDown(within: Self.endLimit)
    let (live, epoch, former) = (context.nodeDirectory, epoch, plan.from)
    let isFromElsewhere = plan.kind == .adoption && former != nil && former != context.node.text
    try await OwnThread.run("lf-isolated") {
      try namespace.makeFolders(like: live)
      if isFromElsewhere { try namespace.forgetRecords(before: epoch) }
    }
    let exports = try await isolation.exportLines()
    try await namespace.make(exports: exports, for: server)
    return "\(namespace.networkNamespace) on \(namespace.parent), \(namespace.mountNamespace)"
  }

  /// Takes it all away, which lets go of the file system.
  func removeNamespace() async throws -> String {
    guard let namespace = context.namespace else { return "nothing to take away" }
    try await namespace.tearDown(within: Self.endLimit)
    return "\(namespace.name) is gone, and its mounts"
  }

  /// Starts rpcbind, status monitor, mount daemon and nfsd anew, and with them the service's own grace period.
  func startOwnServer(_ journal: inout PlanJournal) async throws -> String {
    guard let server = context.ownServer else { throw PlanError("\(service.name) has no namespace") }
    let namespace = server.namespace
    try await ServiceServer.stop(in: namespace, within: Self.endLimit)
    try await server.start(.portMapper)
    try await answers(.portMapper, at: "127.0.0.1", in: namespace)
    try await server.start(server.statusMonitor)
    try await answers(.statusMonitor, at: "127.0.0.1", in: namespace)
    try await ServiceServer.loadKernelServer()
    try await server.start(server.recoveryDaemon)
    try await server.export()
    try await server.start(.mountDaemon)
    let began = BootClock.now
    try await server.startThreads()
    let facts = await NFSServerFacts.read(in: namespace, within: .seconds(10))
    guard facts.isServing else {
      throw PlanError("rpc.nfsd succeeded, but nfsd has no threads in \(namespace.name)")
    }
    if plan.kind == .adoption, facts.graceEnded != false {
      throw PlanError("no grace period runs in \(namespace.name): reclaims would be refused; look at dmesg")
    }
    let left = began + (GracePeriod.length() ?? context.gracePeriod) - BootClock.now
    journal.graceLeft = max(left, .zero).wholeMilliseconds
    return "\(facts.threads ?? 0) threads of nfsd in \(namespace.name); its own grace period runs"
  }

  func stopOwnServer() async throws -> String {
    guard let namespace = context.namespace else { return "nothing to stop" }
    guard try await OwnThread.run("lf-isolated", { namespace.stands() }) else { return "nothing of it runs" }
    try await ServiceServer.stop(in: namespace, within: Self.endLimit)
    return "nfsd, status monitor and mount daemon of \(namespace.name) have ended"
  }

  /// The disks that an isolated service's clients reach, which its mounts held as well. They are noted, since a step that
  /// runs again may not find them mounted any more.
  func disksToDetach() async throws -> [BlockDevice] {
    guard let isolation = service.isolation, let namespace = context.namespace else { return [] }
    let exports = try await isolation.exportLines().paths
    return try await OwnThread.run("lf-mounts") {
      let table = try MountTable.read()
      let numbers = namespace.notedDisks().union(table.points(reachedBy: exports).compactMap(table.device))
      try namespace.note(disks: numbers)
      return numbers.compactMap(BlockDevice.init)
    }
  }

  /// Whatever still has one of them mounted though no mount of this node shows it may write to it while the next owner
  /// does.
  func expectUnused(_ devices: [BlockDevice]) async throws {
    try await BlockDevice.expectUnused(devices, within: Self.endLimit)
    if let namespace = context.namespace {
      try await OwnThread.run("lf-mounts") { try namespace.note(disks: []) }
    }
  }

  /// What clients need answers at the address that they know.
  func verifyOwnServer(_ server: ServiceServer) async throws -> String {
    let namespace = server.namespace
    if plan.kind == .resumption {
      // Nobody looked after them while the daemon was away.
      for program in try await OwnThread.run("lf-isolated", { try server.missing() }) {
        try await server.start(program)
      }
    }
    let addresses = service.addresses.isEmpty ? ["127.0.0.1"] : service.addresses
    for address in addresses {
      for program in IsolatedProgram.needed { try await answers(program, at: address, in: namespace) }
    }
    let facts = await NFSServerFacts.read(in: namespace, within: .seconds(10))
    return
      "nfs, nlockmgr and status answer at \(addresses.joined(separator: " and ")); \(facts.threads ?? 0) threads of nfsd"
  }

  private func answers(
    _ program: IsolatedProgram, at host: String, in namespace: ServiceNamespace
  ) async throws {
    let start = BootClock.now
    while true {
      do {
        return try await program.ask(at: host, in: namespace, within: .seconds(5))
      } catch {
        guard BootClock.now - start < .seconds(20) else { throw PlanError("\(error.message)") }
        try await Task.sleep(for: .milliseconds(100))
      }
    }
  }
}

/// What is asked whether it is well, within a service's namespaces.
struct IsolatedProgram: Sendable {
  var name: String
  var number: UInt32
  var version: UInt32
  var transport: RPCProtocol

  static let portMapper = IsolatedProgram(name: "rpcbind", number: 100_000, version: 2, transport: .udp)
  static let statusMonitor = IsolatedProgram(name: "status", number: 100_024, version: 1, transport: .udp)
  static let nfs = IsolatedProgram(name: "nfs", number: 100_003, version: 3, transport: .tcp)
  static let lockManager = IsolatedProgram(name: "nlockmgr", number: 100_021, version: 4, transport: .udp)

  /// What a client with locks can't do without.
  static let needed = [nfs, lockManager, statusMonitor]

  func ask(at host: String, in namespace: ServiceNamespace, within limit: Duration) async throws(RPCError) {
    try await NullCall.run(
      program: number, version: version, over: transport, host: host, within: limit,
      networkNamespace: namespace.networkNamespace)
  }
}
