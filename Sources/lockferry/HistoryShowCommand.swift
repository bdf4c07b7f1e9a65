import ArgumentParser
import Sidecar

struct HistoryShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Shows one entry of the history whole: its steps, and every client.")

  @Argument(help: "The entry's number, as `lockferry history` lists it.")
  var number: Int
  @Option(help: "The service; may be left out where there is one only.")
  var service: String?
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let query = service.map { "?service=" + DaemonConnection.escape($0) } ?? ""
    let entries: [HistoryEntry] = try await daemon.connection().get("/v1/history" + query)
    let found = entries.filter { $0.number == number }
    guard let entry = found.first else {
      throw CommandFailure(
        .noSuchObject, "no entry \(number) in the history" + (service.map { " of \($0)" } ?? ""))
    }
    guard found.count == 1 else {
      throw CommandFailure(
        .usage,
        "several services have an entry \(number), give --service: "
          + found.map(\.service).joined(separator: ", "))
    }
    Terminal.write(
      try output.format.render(entry) { HistoryEntryTable.render($0, coloured: Terminal.hasColour) })
  }
}

/// One entry of the history for people.
enum HistoryEntryTable {
  static func render(_ entry: HistoryEntry, coloured: Bool) -> String {
    var lines = [
      "service \(entry.service), no \(entry.number): \(entry.kind), \(entry.outcome), \(entry.because)",
      "epoch \(entry.epoch), from \(entry.from ?? "-") to \(entry.to ?? "-"), began \(entry.startedAt), took "
        + Elapsed.text(milliseconds: entry.milliseconds),
    ]
    if let number = entry.stateNumber { lines.append("clients were told \(number)") }
    if let problem = entry.problem { lines.append("problem: \(problem)") }
    var text = lines.map { Terminal.printable($0) + "\n" }.joined()
    if !entry.steps.isEmpty {
      var table = TextTable(
        ("AT", .right), ("STEP", .left), ("STATE", .left), ("TOOK", .right), ("WHAT", .left))
      for step in entry.steps {
        table.add(
          .init(Elapsed.text(milliseconds: step.startedAtMilliseconds)), .init(step.step),
          .init(step.state, step.state == "failed" ? .bad : .plain),
          .init(Elapsed.text(milliseconds: step.milliseconds)), .init(step.detail))
      }
      text += "\n" + table.render(coloured: coloured)
    }
    guard !entry.clients.isEmpty else { return text }
    let clients = entry.clients.map { client in
      var client = client
      if client.told { client.names = client.names ?? entry.names }
      return client
    }
    text += "\n" + ClientTable.render(clients, coloured: coloured)
    let more = (entry.clientCount ?? clients.count) - clients.count
    return more > 0 ? text + "and \(more) more, told; only so many are kept\n" : text
  }
}
