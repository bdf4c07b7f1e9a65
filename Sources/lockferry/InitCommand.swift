import ArgumentParser
import Sidecar

struct InitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Makes the node file's store, once for the cluster.",
    discussion: """
      Needed where the store's folder is there already, such as the root of a mounted file system: an empty folder may
      also be a mount point whose file system is missing, so the daemon does not make it a store by itself. A folder
      that is a store already stays as it is.
      """)

  @Option(help: ArgumentHelp("The node file.", valueName: "file"))
  var config = NodeFile.defaultPath

  func run() async throws {
    let configuration = try NodeFileArgument.load(config)
    do {
      Terminal.write("\(try await Sidecar.makeStore(configuration: configuration)) is a store")
    } catch {
      throw CommandFailure(.unavailable, "\(error)")
    }
  }
}
