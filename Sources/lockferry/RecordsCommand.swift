import ArgumentParser
import Sidecar

struct RecordsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "records", abstract: "Lists the clients' records of one service, or of all.")

  @OptionGroup var listing: ServiceListing

  func run() async throws { try await listing.show("/v1/records", as: RecordsTable.render) }
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
