import ArgumentParser
import Sidecar

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Shows the node, its peers, its services and how far the mirror is.")

  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions
  @Flag(help: "Shows it again each second until interrupted.")
  var watch = false

  func run() async throws {
    let connection = try daemon.connection()
    guard watch else {
      Terminal.write(try render(try await connection.get("/v1/status")))
      return
    }
    while true {
      let text: String
      do {
        text = try render(try await connection.get("/v1/status"))
      } catch let failure as CommandFailure
        where failure.status == .unavailable || failure.status == .timedOut
      {
        text = "lockferry: \(failure.message)\n"
      }
      Terminal.write(Terminal.isOutput ? Terminal.redraw(text) : text + "\n")
      try await Task.sleep(for: .seconds(1))
    }
  }

  private func render(_ status: NodeStatus) throws -> String {
    try output.format.render(status) { StatusTable.render($0, coloured: Terminal.hasColour) }
  }
}
