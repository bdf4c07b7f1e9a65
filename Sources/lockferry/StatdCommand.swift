import ArgumentParser
import Foundation
import Logging
import NodeHost
import ServiceLifecycle
import Sidecar
import StatusMonitorService
import UnixSignals

struct StatdCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "statd",
    abstract: "Runs a status monitor in the place of rpc.statd; SIGTERM ends it.",
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
  @Flag(help: "Goes into the background when it is registered, and logs to syslog from the start.")
  var background = false
  @Flag(help: ArgumentHelp("What --background starts.", visibility: .hidden))
  var isInBackground = false
  @OptionGroup var mirror: StatdMirrorOptions
  @OptionGroup var logging: LogOptions

  /// What the kernel calls its processes, at most 15 bytes: a lockferry that does something else has another name.
  private static let processName = "lockferry-statd"

  func validate() throws {
    if port == 0 { throw ValidationError("--port takes 1 to 65535; leave it out to let the kernel choose") }
    if config != nil, mirror.isGiven {
      throw ValidationError("--config or --run-directory: either says who keeps records in the store")
    }
  }

  func run() async throws {
    guard Terminal.isRoot else {
      throw CommandFailure(
        .notPermitted, "start it as root: it binds its ports and then becomes the owner of sm/ by itself")
    }
    if background { return try goIntoBackground() }
    ProcessName.set(Self.processName)
    let log = logging.logger(Self.processName, toSystemLog: isInBackground)
    do {
      let options = try options()
      let isInBackground = isInBackground
      let service = StatusMonitorService(options, log: log) {
        if isInBackground {
          try BackgroundProgram.becomeReady()
        } else {
          ServiceNotification.notify("READY=1")
        }
      }
      var configuration = ServiceGroupConfiguration(
        services: [
          .init(
            service: service, successTerminationBehavior: .gracefullyShutdownGroup,
            failureTerminationBehavior: .cancelGroup)
        ],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: log)
      configuration.maximumGracefulShutdownDuration = .seconds(10)
      try await ServiceGroup(configuration: configuration).run()
    } catch let failure as CommandFailure {
      throw failure
    } catch let error as StatusMonitorServiceError {
      throw CommandFailure(error.code == .alreadyRunning ? .exists : .unavailable, error.message)
    } catch let error as NodeHostError {
      throw CommandFailure(error.code == .held ? .exists : .failed, error.message)
    } catch {
      throw CommandFailure(.failed, "\(error)")
    }
  }

  /// Runs the same in another process, and ends when that is ready; else as that does, with its words.
  private func goIntoBackground() throws {
    let arguments = CommandLine.arguments.dropFirst().filter { $0 != "--background" }
    let outcome: CommandOutcome?
    do throws(NodeHostError) {
      outcome = try BackgroundProgram.start(
        [try OwnProgram.path()] + arguments + ["--is-in-background"], within: Self.readyLimit)
    } catch {
      throw CommandFailure(.failed, "\(error)")
    }
    guard let outcome else { return }
    FileHandle.standardError.write(Data(outcome.output.utf8))
    if case .exited(let status) = outcome.status, let status = ExitStatus(rawValue: status), status != .ok {
      throw ExitCode(status.rawValue)
    }
    throw CommandFailure(.failed, "the status monitor is not ready: \(outcome)")
  }

  /// Where rpcbind does not answer it says so within this.
  private static let readyLimit = Duration.seconds(25)

  private func options() throws -> StatusMonitorOptions {
    if let mirror = mirror.value {
      return StatusMonitorOptions(
        statusDirectory: try StatusDirectoryLocation.discover(configured: stateDirectory), port: port,
        mirror: mirror)
    }
    let node = try nodeConfiguration()
    let directory = try StatusDirectoryLocation.discover(
      configured: stateDirectory ?? node?.statusDirectory)
    let mirror = node.map {
      StatusMonitorOptions.Mirror(
        runDirectory: $0.runDirectory, limit: $0.calloutLimit, refuses: $0.whenNotMirrored == .refuse)
    }
    return StatusMonitorOptions(statusDirectory: directory, port: port, mirror: mirror)
  }

  /// The node file that was named; else the usual one, which a host without a daemon need not have.
  private func nodeConfiguration() throws -> NodeConfiguration? {
    if let config { return try NodeFileArgument.load(config) }
    return access(NodeFile.defaultPath, F_OK) == 0 ? try NodeFileArgument.load(NodeFile.defaultPath) : nil
  }
}

/// Who keeps records in the store, as the daemon says it to the status monitor of an isolated service, which can't see the
/// node file, nor whether that was changed since.
struct StatdMirrorOptions: ParsableArguments {
  @Option(help: ArgumentHelp("`run_directory` of the daemon.", visibility: .hidden))
  var runDirectory: String?
  @Option(help: ArgumentHelp("`callout.limit` of the node file.", visibility: .hidden))
  var calloutLimit: WaitingTime?
  @Option(
    help: ArgumentHelp("`statd.when_not_mirrored` of the node file.", visibility: .hidden),
    transform: { text in
      guard let word = WhenNotMirrored(rawValue: text) else {
        throw ValidationError("\(text) is neither grant nor refuse")
      }
      return word
    })
  var whenNotMirrored: WhenNotMirrored?

  var isGiven: Bool { runDirectory != nil || calloutLimit != nil || whenNotMirrored != nil }

  var value: StatusMonitorOptions.Mirror? {
    guard let runDirectory, let calloutLimit, let whenNotMirrored else { return nil }
    return StatusMonitorOptions.Mirror(
      runDirectory: runDirectory, limit: calloutLimit.duration, refuses: whenNotMirrored == .refuse)
  }

  func validate() throws {
    if isGiven, value == nil {
      throw ValidationError("--run-directory, --callout-limit and --when-not-mirrored go together")
    }
  }
}
