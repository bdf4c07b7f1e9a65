import ArgumentParser
import Logging
import Sidecar

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs the daemon in the foreground; SIGTERM ends it.")

  @Option(help: ArgumentHelp("The node file.", valueName: "file"))
  var config = NodeFile.defaultPath
  @Option(
    help: "trace, debug, info, notice, warning, error or critical",
    transform: { text in
      guard let level = Logger.Level(rawValue: text) else {
        throw ValidationError(
          "\(text) is none of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      return level
    })
  var logLevel: Logger.Level = .info

  func run() async throws {
    let configuration = try NodeFileArgument.load(config)
    var log = Logger(label: "lockferry", factory: StreamLogHandler.standardError(label:))
    log.logLevel = logLevel
    do {
      try await Sidecar.run(configuration: configuration, log: log)
    } catch let error as SidecarError {
      throw CommandFailure(error.code == .failed ? .failed : .exists, error.message)
    } catch {
      throw CommandFailure(.failed, "\(error)")
    }
  }
}
