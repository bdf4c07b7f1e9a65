import ArgumentParser
import Sidecar

struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Checks a node file.",
    discussion: "Says everything that is wrong with it, one line each: FILE:LINE:COLUMN: MESSAGE.")

  @Argument(help: "The node file.")
  var file: String

  func run() throws {
    let configuration = try NodeFileArgument.load(file)
    let count = configuration.services.count
    Terminal.write(
      "\(file): node \(configuration.node), \(count) \(count == 1 ? "service" : "services"), well-formed")
  }
}

/// A node file that the operator names.
enum NodeFileArgument {
  static func load(_ path: String) throws -> NodeConfiguration {
    do throws(ConfigurationError) {
      return try NodeFile.load(path: path)
    } catch {
      throw CommandFailure(
        error.code == .permissionDenied ? .notPermitted : .configuration, error.description)
    }
  }
}
