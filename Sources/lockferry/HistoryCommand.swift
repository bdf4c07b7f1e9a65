import ArgumentParser
import Sidecar

struct HistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Lists what happened to services, or shows one entry whole.",
    subcommands: [HistoryListCommand.self, HistoryShowCommand.self],
    defaultSubcommand: HistoryListCommand.self)
}

struct HistoryListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Lists what happened to one service, or to all, newest last.")

  @OptionGroup var listing: ServiceListing

  func run() async throws { try await listing.show("/v1/history", as: HistoryTable.render) }
}

/// `lockferry history` for people.
enum HistoryTable {
  static func render(_ entries: [HistoryEntry], coloured: Bool) -> String {
    guard !entries.isEmpty else { return "nothing has happened yet\n" }
    var table = TextTable(
      ("SERVICE", .left), ("NO", .right), ("STARTED", .left), ("WHAT", .left), ("FROM", .left), ("TO", .left),
      ("EPOCH", .right), ("TOOK", .right), ("TOLD", .right), ("BACK", .right),
      ("OUTCOME", .left), ("BECAUSE", .left))
    for entry in entries {
      let all = entry.clientCount
      let told = all - entry.untoldCount
      table.add(
        .init(entry.service), .init("\(entry.number)"), .init(entry.startedAt), .init(entry.kind),
        .init(entry.from ?? ""), .init(entry.to ?? ""), .init("\(entry.epoch)"),
        .init(Elapsed.text(milliseconds: entry.milliseconds)),
        .init(
          all == 0 ? "" : "\(told)/\(all)", told == all ? .plain : .doubtful),
        .init(
          entry.recovery.map { "\($0.registered)/\($0.all)" } ?? "",
          entry.recovery?.hasLoss == true ? .bad : .plain),
        .init(entry.outcome, entry.outcome == "done" ? .good : .bad), .init(entry.because))
    }
    return table.render(coloured: coloured) + notes(entries).map { Terminal.printable($0) + "\n" }.joined()
  }

  private static func notes(_ entries: [HistoryEntry]) -> [String] {
    entries.flatMap { entry in
      let name = "service \(entry.service), no \(entry.number)"
      let untold = entry.untold.map { client in
        "\(name): client \(client.client) was not told" + (client.problem.map { ": \($0)" } ?? "")
      }
      let more = entry.untoldCount - untold.count
      let rest = more > 0 ? ["\(name): \(more) more, see `lockferry history show \(entry.number)`"] : []
      let locks = entry.recovery.map { $0.hasLoss || $0.isUndecided ? ["\(name): \($0.text)"] : [] } ?? []
      return (entry.problem.map { ["\(name): \($0)"] } ?? []) + locks + untold + rest
    }
  }
}
