import Cluster
import Foundation
public import Logging
import NodeHost
import ServiceLifecycle
import SharedStore
import StatusMonitor
import UnixSignals

/// The daemon beside the NFS server: `lockferry run`.
public enum Sidecar {
  /// This program's version.
  public static let version = "0.1.0"

  /// Runs until SIGTERM or SIGINT, which it answers within a second, or until it must not run.
  ///
  /// Neither the store nor statd nor another node need be there yet.
  ///
  /// - Throws: ``SidecarError`` when another daemon of this node runs or another node has its name.
  public static func run(configuration: NodeConfiguration, log: Logger) async throws {
    ProcessMemory.keepHeapSmall()
    var log = log
    log[metadataKey: "node"] = "\(configuration.node)"
    let lock = try takeLock(configuration)
    let instance = DaemonInstance(
      place: lock.identity.replacing(" ", with: "/"), run: UUID().uuidString.lowercased())
    let daemon = try Daemon(
      configuration: configuration, instance: instance, boot: try BootIdentity.read(),
      selfFence: try SelfFenceDevice.prepare(configuration), log: log)
    let control = NodeControl(daemon: daemon)
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [
          .init(service: daemon, successTerminationBehavior: .gracefullyShutdownGroup),
          .init(service: HealthEndpoint(configuration: configuration.health, service: control, log: log)),
          .init(
            service: ControlEndpoint(
              runDirectory: configuration.runDirectory, group: configuration.controlGroup, service: control,
              log: log)),
        ],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: log))
    log.notice(
      "lockferry \(version) begins",
      metadata: ["store": "\(daemon.store.location)", "status_directory": "\(daemon.directory.path)"])
    ServiceNotification.notify("READY=1")
    try await group.run()
    withExtendedLifetime(lock) {}
  }

  /// Makes the node file's store; one that is there stays as it is. Returns its location.
  ///
  /// - Throws: ``StoreError``.
  public static func makeStore(configuration: NodeConfiguration) async throws -> String {
    switch configuration.store {
    case .directory(let path):
      let store = DirectoryStore(path: path)
      try await store.create(within: .seconds(10))
      return store.location
    }
  }

  private static func takeLock(_ configuration: NodeConfiguration) throws -> NodeLock {
    do {
      try FileManager.default.createDirectory(
        atPath: configuration.runDirectory, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o755])
      // sm-notify gives up root and must be able to pass to its directory below.
      try FileManager.default.createDirectory(
        atPath: configuration.stateDirectory, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o711])
    } catch {
      throw SidecarError(
        .failed,
        "can't make \(configuration.runDirectory) or \(configuration.stateDirectory): \(error.localizedDescription); "
          + "run lockferry as root, or set run_directory and state_directory")
    }
    do {
      return try NodeLock.take(at: "\(configuration.runDirectory)/\(configuration.node).lock")
    } catch {
      throw SidecarError(error.code == .held ? .alreadyRunning : .failed, error.message)
    }
  }
}
