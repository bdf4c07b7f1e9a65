import ArgumentParser
import Sidecar

struct FailbackCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "failback",
    abstract: "Moves a service, or all of a node's, back home.",
    discussion:
      "One after the other, in the order of the node file. Each is a migration to the service's home node.")

  @Argument(help: "The service.")
  var service: String?
  @Option(help: ArgumentHelp("Every service whose home is this node.", valueName: "node"))
  var node: String?
  @OptionGroup var options: RequestOptions

  func validate() throws {
    if (service == nil) == (node == nil) { throw ValidationError("name a service, or a node with --node") }
  }

  func run() async throws {
    let connection = try options.daemon.connection()
    if let service { return try await options.ask(options.body(service, "failback"), connection) }
    let status: NodeStatus = try await connection.get("/v1/status")
    let ours = status.services.filter { $0.home == node }
    guard !ours.isEmpty else {
      throw CommandFailure(.noSuchObject, "no service has its home on \(node ?? "")")
    }
    let away = ours.filter { $0.owner != node && !["offline", "closed", "unowned"].contains($0.state) }
    for service in away { try await options.ask(options.body(service.service, "failback"), connection) }
    if away.isEmpty, options.output.format == .table {
      Terminal.write(
        "every service of node \(Terminal.printable(node ?? "")) is at home, or served nowhere\n")
    }
  }
}
