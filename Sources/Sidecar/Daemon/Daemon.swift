import Cluster
import Glibc
import Logging
import NodeHost
import ServiceLifecycle
import SharedStore
import StatusMonitor
import Synchronization

/// Everything of a running node, put together: brain and shell, mirror, notifications, the store.
final class Daemon: Service {
  /// From a stop signal to the end of the process at the latest, whatever hangs: below the second that is
  /// promised.
  private static let stopLimit = Duration.milliseconds(850)

  let configuration: NodeConfiguration
  let store: ObservedStore
  let directory: StatusDirectory
  let shell: NodeShell
  let mirrors: Mirrors
  let warnings: HostWarnings
  let callouts: CalloutDesk
  /// Of isolated services.
  private let ownCallouts: [CalloutDesk]
  private let backing: DirectoryStore
  /// Runs all that beats, looks and mirrors, file calls included.
  private let thread: ThreadExecutor
  private let jobs: JobQueue
  let notifications: NotificationBoard
  let recoveries: RecoveryBook
  let ownClients: OwnClients
  private let log: Logger
  private let refusals: AsyncStream<SidecarError>

  init(
    configuration: NodeConfiguration, instance: DaemonInstance, boot: String, selfFence: SelfFenceDevice?,
    log: Logger
  ) throws {
    self.configuration = configuration
    self.log = log
    let thread = try ThreadExecutor(name: "lf-node")
    self.thread = thread
    switch configuration.store {
    case .directory(let path):
      backing = DirectoryStore(path: path, calls: thread.call)
    }
    store = ObservedStore(backing)
    directory = StatusDirectory(
      path: try StatusDirectoryLocation.discover(configured: configuration.statusDirectory))
    jobs = JobQueue()
    notifications = NotificationBoard(
      stateDirectory: configuration.stateDirectory, live: directory, boot: boot, jobs: jobs, log: log)
    let backing = backing
    recoveries = RecoveryBook(
      stateDirectory: configuration.stateDirectory, boot: boot, notifications: notifications, store: store,
      jobs: jobs, log: log, mirrored: { await backing.recordsMirrored(of: $0) })
    let ownFolder = configuration.stateDirectory + "/own-clients"
    ownClients = OwnClients(
      notifications: NotificationBoard(
        stateDirectory: ownFolder, live: directory, boot: boot, jobs: jobs, log: log),
      folder: ownFolder, names: configuration.serverNames, live: directory)
    let (refusals, refusal) = AsyncStream.makeStream(
      of: SidecarError.self, bufferingPolicy: .bufferingNewest(1))
    self.refusals = refusals
    let shell = NodeShell(
      configuration: configuration, instance: instance, boot: boot, store: store, directory: directory,
      notifications: notifications, recoveries: recoveries, ownClients: ownClients, jobs: jobs,
      thread: thread, selfFence: selfFence, log: log, onRefusal: { refusal.yield(SidecarError($0, $1)) })
    self.shell = shell
    let store = store
    func mirror(_ directory: StatusDirectory) -> MirrorShell {
      MirrorShell(
        directory: directory, store: store, timings: configuration.mirror,
        storeTimeout: configuration.beats.storeTimeout, thread: thread, log: log,
        ownerBytes: { await shell.ownerBytes($0, $1) },
        onOwnerRenewed: { await shell.onOwnerRenewed($0, from: $1, to: $2) })
    }
    let isolated = configuration.services.compactMap { service in
      configuration.namespace(of: service).map {
        (service.name, mirror(StatusDirectory(path: $0.statusDirectory)))
      }
    }
    mirrors = Mirrors(shared: mirror(directory), own: Dictionary(uniqueKeysWithValues: isolated))
    warnings = HostWarnings(directory: directory, clock: thread.clock)
    let own = mirrors.own
    callouts = try CalloutDesk(
      configuration: configuration, runDirectory: configuration.runDirectory, mirror: mirrors.shared,
      shell: shell, store: store, log: log, concerns: { own[$0] == nil })
    ownCallouts = try own.compactMap { name, mirror in
      try configuration.namespace(of: name).map { namespace in
        try CalloutDesk(
          configuration: configuration, runDirectory: namespace.ownRunDirectory, mirror: mirror,
          shell: shell, store: store, log: log, concerns: { $0 == name })
      }
    }
  }

  func run() async throws {
    defer { thread.stop() }
    try await withTaskExecutorPreference(thread) { try await runHere() }
  }

  private func runHere() async throws {
    await makeFolders()
    await removeLeftovers()
    await shell.connect(mirrors)
    let refusal = Mutex<SidecarError?>(nil)
    await cancelWhenGracefulShutdown {
      await withDiscardingTaskGroup { group in
        group.addTask { await self.jobs.run() }
        for mirror in self.mirrors.all { group.addTask { await mirror.run() } }
        group.addTask { await self.warnings.run() }
        for desk in [self.callouts] + self.ownCallouts { group.addTask { await desk.run() } }
        group.addTask { await self.shell.finishRestart() }
        group.addTask { await self.makeStore() }
        group.addTask { await self.shell.run() }
        for await problem in self.refusals {
          refusal.withLock { $0 = problem }
          // What must not be served any more is being withdrawn by jobs: give them their time.
          try? await Task.sleep(for: self.configuration.beats.stopTime)
          break
        }
        await self.endWithin(
          Self.stopLimit, status: refusal.withLock { $0 }.map { $0.code == .nameTaken ? 108 : 1 } ?? 0)
        group.cancelAll()
      }
    }
    if let problem = refusal.withLock({ $0 }) { throw problem }
  }

  /// What isolated services keep: their mirrors follow it, also while nothing of them runs here.
  private func makeFolders() async {
    let directory = directory
    for namespace in configuration.services.compactMap(configuration.namespace) {
      do {
        try await OwnThread.run("lf-isolated") { try namespace.makeFolders(like: directory) }
      } catch {
        log.warning(
          "an isolated service can't be served here",
          metadata: ["service": "\(namespace.service)", "error": "\(error)"])
      }
    }
  }

  /// Half-written records of a daemon that was killed: under the node lock nobody else writes any.
  private func removeLeftovers() async {
    for directory in mirrors.all.map(\.directory) {
      guard let found = try? await OwnThread.run("lf-leftovers", { try directory.removeLeftovers() }),
        !found.isEmpty
      else { continue }
      log.notice("removed half-written records", metadata: ["files": "\(found.joined(separator: ", "))"])
    }
  }

  /// Stops beating on purpose, and sees to it that the process ends though a call to the store hangs.
  private func endWithin(_ limit: Duration, status: Int32) async {
    ServiceNotification.notify("STOPPING=1")
    log.notice("lockferry ends; what it serves goes on being served")
    let log = log
    _ = try? OwnThread.start("lf-stop") {
      usleep(UInt32(limit.wholeMilliseconds) * 1000)
      log.warning("work was still under way; the next start finishes it")
      _exit(status)
    }
    await shell.sayGoodbye()
    await notifications.stopAll()
    await ownClients.notifications.stopAll()
  }

  /// With no other node to share it with, a folder that is not there is made, once: later its absence means that a
  /// file system is not mounted. A store for several nodes is made by `lockferry init`: a folder that is missing
  /// here may be a mount that is missing, and two stores are two owners.
  private func makeStore() async {
    let memory = StoreMemory(stateDirectory: configuration.stateDirectory)
    var told: String?
    while !Task.isCancelled {
      do {
        if shell.isAlone, try await OwnThread.run("lf-store", { try memory.mayCreate(self.backing.path) }) {
          try await backing.create(within: .seconds(10))
          log.notice("made a new store", metadata: ["store": "\(backing.location)"])
        }
        if try await store.read(try ClusterKeys.beat(configuration.node), within: .seconds(10)) == nil {
          log.info("this node is new in the store")
        }
        return try await OwnThread.run("lf-store") { try memory.remember(self.backing.path) }
      } catch {
        if told != "\(error)" { log.warning("waiting for the store", metadata: ["error": "\(error)"]) }
        told = "\(error)"
        try? await Task.sleep(for: .seconds(2))
      }
    }
  }
}
