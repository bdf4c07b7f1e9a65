import ArgumentParser
import Sidecar

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs the daemon in the foreground; SIGTERM ends it.")

  @Option(help: ArgumentHelp("The node file.", valueName: "file"))
  var config = NodeFile.defaultPath
  @OptionGroup var logging: LogOptions

  func run() async throws {
    let configuration = try NodeFileArgument.load(config)
    do {
      try await Sidecar.run(configuration: configuration, log: logging.logger("lockferry"))
    } catch let error as SidecarError {
      throw CommandFailure(error.code == .failed ? .failed : .exists, error.message)
    } catch {
      throw CommandFailure(.failed, "\(error)")
    }
  }
}
