import ArgumentParser
import Cluster
import Sidecar

struct DrillCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drill",
    abstract: "Asks every client's status monitor whether it can be reached from this node.",
    discussion: """
      To be run on the node that would adopt the service. For every recorded client its rpcbind is asked where the \
      status monitor listens, and that is called with a procedure that does nothing: no client is told anything. \
      Ends with 0 if all were reached and could be told within the grace period, else with 1.
      """)

  @Argument(help: "The service.")
  var service: String
  @Option(
    name: .customLong("for"),
    help: ArgumentHelp("How long to wait for clients that do not answer, at most 25s.", valueName: "duration")
  )
  var patience = WaitingTime(duration: .seconds(5))
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard patience.duration <= .seconds(25) else { throw ValidationError("--for takes at most 25s") }
  }

  func run() async throws {
    let report: DrillReport = try await daemon.connection().post(
      "/v1/services/\(DaemonConnection.escape(service))/drill",
      DrillRequest(limitMilliseconds: patience.duration.wholeMilliseconds), within: .seconds(60))
    Terminal.write(
      try output.format.render(report) { DrillTable.render($0, coloured: Terminal.hasColour) })
    guard report.reached == report.all else {
      throw CommandFailure(
        .failed,
        "\(report.all - report.reached) of \(report.all) clients of \(service) could not be told from \(report.node) now"
      )
    }
    guard report.notificationMilliseconds < report.graceMilliseconds else {
      throw CommandFailure(
        .failed,
        "telling the clients of \(service) would take longer than the grace period: raise nlm_grace_period")
    }
  }
}

/// `lockferry drill` for people.
enum DrillTable {
  static func render(_ report: DrillReport, coloured: Bool) -> String {
    guard report.all > 0 else {
      return Terminal.printable("service \(report.service) has no clients with a record") + "\n"
    }
    let text =
      "\(report.reached) of \(report.all) clients of \(report.service) reached from \(report.node) in "
      + "\(Elapsed.text(milliseconds: report.milliseconds)); telling them as \(report.names.joined(separator: ", ")) "
      + "would take about \(Elapsed.text(milliseconds: report.notificationMilliseconds)) of a grace period of "
      + Elapsed.text(milliseconds: report.graceMilliseconds)
    return Terminal.printable(text) + "\n\n" + ClientTable.render(report.clients, coloured: coloured)
  }
}
