import ArgumentParser
import Sidecar

/// Where the daemon is.
struct DaemonOptions: ParsableArguments {
  @Option(help: "The daemon's control socket.")
  var socket: String?
  @Option(help: ArgumentHelp("The daemon's node file, which says where its socket is.", valueName: "file"))
  var config: String?

  var isGiven: Bool { socket != nil || config != nil }

  func validate() throws {
    if socket != nil && config != nil { throw ValidationError("either --socket or --config, not both") }
  }

  /// What was asked for; else what the node file at its usual place says, if it can be read; else the default.
  func connection() throws -> DaemonConnection { DaemonConnection(path: try path()) }

  private func path() throws -> String {
    if let socket { return socket }
    do throws(ConfigurationError) {
      return ControlSocket(runDirectory: try NodeFile.load(path: config ?? NodeFile.defaultPath).runDirectory)
        .path
    } catch {
      guard config == nil else {
        throw CommandFailure(
          error.code == .permissionDenied ? .notPermitted : .configuration, error.description)
      }
      // Members of the control group need not be allowed to read the node file.
      return ControlSocket(runDirectory: NodeFile.defaultRunDirectory).path
    }
  }
}
