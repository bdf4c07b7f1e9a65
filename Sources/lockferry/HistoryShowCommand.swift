import ArgumentParser
import Cluster
import Sidecar

struct HistoryShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Shows one entry of the history whole: its steps, and every client.",
    discussion: """
      Of an adoption it also says what became of each client's locks. It ends with 0 if nobody has lost any, with 115 \
      if somebody has, or may have, and with 112 while that is not known.
      """)

  @Argument(help: "The entry's number, as `lockferry history` lists it.")
  var number: Int
  @Option(help: "The service; may be left out where there is one only.")
  var service: String?
  @Flag(help: "Waits until it is known what became of the clients' locks: for the grace period at most.")
  var wait = false
  @Option(help: ArgumentHelp("With --wait: how long, as in 90s; 10m if not said.", valueName: "duration"))
  var timeout: WaitingTime?
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard number > 0 else { throw ValidationError("entries of the history count from 1") }
    if timeout != nil, !wait { throw ValidationError("--timeout is for --wait") }
  }

  func run() async throws {
    let connection = try daemon.connection()
    let name = if let service { service } else { try await onlyService(connection) }
    if wait { try await waitForEnd(of: name, connection) }
    let entry: HistoryEntry = try await connection.get(
      "/v1/services/\(DaemonConnection.escape(name))/history/\(number)")
    Terminal.write(
      try output.format.render(entry) { HistoryEntryTable.render($0, coloured: Terminal.hasColour) })
    try entry.recovery?.judge(service: name, entry: number)
  }

  /// Asks for the list, in which no clients are, until the recovery of the entry is over.
  private func waitForEnd(of name: String, _ connection: DaemonConnection) async throws {
    let patience = (timeout ?? WaitingTime(duration: .seconds(600))).duration
    let deadline = ContinuousClock.now + patience
    while true {
      do {
        let entries: [HistoryEntry] = try await connection.get(
          "/v1/history?service=\(DaemonConnection.escape(name))", within: .seconds(10))
        guard entries.first(where: { $0.number == number })?.recovery?.state == "open" else { return }
      } catch let failure as CommandFailure
        where failure.status == .unavailable || failure.status == .timedOut
      {
        // A daemon that restarts goes on with it.
      }
      guard ContinuousClock.now < deadline else {
        throw CommandFailure(
          .timedOut,
          "what became of the clients of \(name) is not known after \(DurationText.text(patience)); it goes on"
        )
      }
      try await Task.sleep(for: .milliseconds(500))
    }
  }

  /// The one that has such an entry.
  private func onlyService(_ connection: DaemonConnection) async throws -> String {
    let entries: [HistoryEntry] = try await connection.get("/v1/history")
    let found = entries.filter { $0.number == number }.map(\.service)
    guard let name = found.first else {
      throw CommandFailure(.noSuchObject, "no entry \(number) in the history")
    }
    guard found.count == 1 else {
      throw CommandFailure(
        .usage,
        "several services have an entry \(number), give --service: " + found.joined(separator: ", "))
    }
    return name
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
    if let recovery = entry.recovery { lines.append("locks: \(recovery.text)") }
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
    guard entry.clientCount > 0 else { return text }
    let clients = (entry.clients ?? []).map { client in
      var client = client
      if client.told { client.names = client.names ?? entry.names }
      return client
    }
    text += "\n" + ClientTable.render(clients, coloured: coloured)
    let more = entry.clientCount - clients.count
    return more > 0 ? text + "and \(more) more, whose part of the store can't be read\n" : text
  }
}

extension HistoryEntry.Recovery {
  /// Says by the exit status whether anybody has lost anything.
  func judge(service: String, entry: Int) throws {
    if hasLoss { throw CommandFailure(.locksLost, "\(service), no \(entry): \(text)") }
    if isUndecided { throw CommandFailure(.indeterminate, "\(service), no \(entry): \(text)") }
  }
}
