import ArgumentParser
import Cluster
import Sidecar

struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Moves a service to another node.",
    discussion: """
      An owner that is alive gives the service up before the other node takes it. --force takes it from an owner \
      that does not answer: then you, or the service's fence, must make sure that the old owner is off, since two \
      servers that serve one service destroy what the locks protect.
      """)

  @Argument(help: "The service.")
  var service: String
  @Option(help: ArgumentHelp("The node that shall own it.", valueName: "node"))
  var to: String
  @Flag(help: "Takes the service from an owner that does not answer.")
  var force = false
  @Flag(help: "With --force: the old owner is off, you have made sure.")
  var fenceConfirmed = false
  @OptionGroup var options: RequestOptions

  func validate() throws {
    guard ServiceName(service) != nil else { throw ValidationError("`\(service)` can't be a service's name") }
    guard NodeName(to) != nil else { throw ValidationError("`\(to)` can't be a node's name") }
    if fenceConfirmed && !force { throw ValidationError("--fence-confirmed is for --force") }
  }

  func run() async throws {
    let connection = try options.daemon.connection()
    var body = options.body(service, "migrate")
    body.to = to
    body.force = force
    body.fenceConfirmed = fenceConfirmed
    if force, !fenceConfirmed, !options.dryRun {
      body.fenceConfirmed = try await FenceConfirmation.ask(service: service, connection)
    }
    try await options.ask(body, connection)
  }
}
