import ArgumentParser
import Glibc
import Logging
import NodeHost
import ServiceLifecycle
import Sidecar
import StatusMonitorService
import UnixSignals

struct StatdCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "statd",
    abstract: "Runs a status monitor in the place of rpc.statd, in the foreground; SIGTERM ends it.",
    discussion: """
      Serves the status monitor protocol (NSM version 1, program 100024) over UDP and TCP, IPv4 and IPv6, and \
      registers with rpcbind, which must run. Stop rpc.statd first; it refuses to start beside another status monitor. \
      Files and formats are those of rpc.statd, so you may go back at any time.

      A lock is granted only when its client's record is on the disk, and, where there is a node file, when the daemon \
      has it in the shared store. What happens when it is not there in time says statd.when_not_mirrored in the node \
      file: grant (the default) or refuse.

      Starts as root and becomes the owner of sm/ without any capability. It tells nobody that this host restarted: \
      sm-notify does that at boot, as for `rpc.statd --no-notify`. docs/statd.md says more.
      """)

  @Option(
    help: ArgumentHelp(
      "The node file, which says where the status directory is. Without it the usual one is read where there is one.",
      valueName: "file"))
  var config: String?
  @Option(help: ArgumentHelp("The folder with sm, sm.bak and state.", valueName: "directory"))
  var stateDirectory: String?
  @Option(
    help:
      "The port to serve, over UDP and TCP. Without it the kernel chooses, and rpcbind tells those who ask.")
  var port: UInt16?
  @OptionGroup var logging: LogOptions

  func validate() throws {
    if port == 0 { throw ValidationError("--port takes 1 to 65535; leave it out to let the kernel choose") }
  }

  func run() async throws {
    guard Terminal.isRoot else {
      throw CommandFailure(
        .notPermitted, "start it as root: it binds its ports and then becomes the owner of sm/ by itself")
    }
    let node = try nodeConfiguration()
    let log = logging.logger("lockferry-statd")
    do {
      let directory = try StatusDirectoryLocation.discover(
        configured: stateDirectory ?? node?.statusDirectory)
      let mirror = node.map {
        StatusMonitorOptions.Mirror(
          runDirectory: $0.runDirectory, limit: $0.calloutLimit, refuses: $0.whenNotMirrored == .refuse)
      }
      let service = StatusMonitorService(
        StatusMonitorOptions(statusDirectory: directory, port: port, mirror: mirror), log: log)
      var configuration = ServiceGroupConfiguration(
        services: [
          .init(
            service: service, successTerminationBehavior: .gracefullyShutdownGroup,
            failureTerminationBehavior: .cancelGroup)
        ],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: log)
      configuration.maximumGracefulShutdownDuration = .seconds(10)
      try await ServiceGroup(configuration: configuration).run()
    } catch let error as StatusMonitorServiceError {
      throw CommandFailure(error.code == .alreadyRunning ? .exists : .unavailable, error.message)
    } catch let error as NodeHostError {
      throw CommandFailure(error.code == .held ? .exists : .failed, error.message)
    } catch {
      throw CommandFailure(.failed, "\(error)")
    }
  }

  /// The node file that was named; else the usual one, which a host without a daemon need not have.
  private func nodeConfiguration() throws -> NodeConfiguration? {
    if let config { return try NodeFileArgument.load(config) }
    return access(NodeFile.defaultPath, F_OK) == 0 ? try NodeFileArgument.load(NodeFile.defaultPath) : nil
  }
}
