import ArgumentParser
import Sidecar

struct RecordsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "records", abstract: "Lists the clients' records of one service, or of all.")

  @Argument(help: "The service; all where it is left out.")
  var service: String?
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let query = service.map { "?service=" + DaemonConnection.escape($0) } ?? ""
    let records: [RecordStatus] = try await daemon.connection().get("/v1/records" + query)
    Terminal.write(
      try output.format.render(records) { RecordsTable.render($0, coloured: Terminal.hasColour) })
  }
}

/// `lockferry records` for people.
enum RecordsTable {
  static func render(_ records: [RecordStatus], coloured: Bool) -> String {
    guard !records.isEmpty else { return "no records\n" }
    var table = TextTable(
      ("SERVICE", .left), ("CLIENT", .left), ("STATE", .left), ("BYTES", .right), ("MON NAME", .left),
      ("MY NAME", .left), ("RESTARTED", .left), ("PROBLEMS", .left))
    for record in records {
      table.add(
        .init(record.service), .init(record.client),
        .init(record.state, record.state == "mirrored" ? .good : .doubtful), .init("\(record.bytes)"),
        .init(record.monNames.joined(separator: ", ")), .init(record.myNames.joined(separator: ", ")),
        .init(
          record.lastRestart.map { restart in
            restart.at + (restart.state.map { ", state \($0)" } ?? "")
          } ?? ""),
        .init(record.problems.joined(separator: "; "), .bad))
    }
    return table.render(coloured: coloured)
  }
}
