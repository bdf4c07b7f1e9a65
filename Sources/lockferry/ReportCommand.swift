import ArgumentParser
import Cluster
import Sidecar

struct ReportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Says that a node is unhealthy, or healthy.",
    discussion: """
      An owner that is reported unhealthy gives its services to other candidates, if there are any, and is given nothing \
      while the report counts. A later report of the same source replaces it.
      """)

  @Argument(help: "The node.")
  var node: String
  @Argument(help: "`unhealthy` or `healthy`.")
  var state: String
  @Option(help: ArgumentHelp("Why.", valueName: "text"))
  var because: String
  @Option(
    name: .customLong("for"),
    help: ArgumentHelp("How long it counts, as in 90s or 10m.", valueName: "duration"))
  var duration = WaitingTime(duration: .seconds(600))
  @Option(help: ArgumentHelp("Who found out.", valueName: "name"))
  var source = "operator"
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard NodeName(node) != nil else { throw ValidationError("`\(node)` can't be a node's name") }
    guard ["unhealthy", "healthy"].contains(state) else {
      throw ValidationError("say unhealthy or healthy, not `\(state)`")
    }
  }

  func run() async throws {
    let request = ReportRequest(
      node: node, state: state, because: because, for: duration.description, source: source,
      actor: Operator.name)
    let report: NodeStatus.Report = try await daemon.connection().post("/v1/health-reports", request)
    Terminal.write(
      try output.format.render(report) {
        Terminal.printable(
          "node \($0.node) is reported \($0.state) by \($0.source) for \(duration.description): \($0.because)"
        ) + "\n"
      })
  }
}
