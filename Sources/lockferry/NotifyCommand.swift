import ArgumentParser
import Cluster
import NodeHost
import RPCTransport
import Sidecar
import StatusMonitor

struct NotifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "notify",
    abstract: "Tells the clients whose records are in a status directory that their server has restarted.",
    discussion: """
      In the place of sm-notify(8), and without the daemon. The records move from DIR/sm to DIR/sm.bak first; each is \
      removed when its client has answered. The number in DIR/state is raised first, since clients ignore one that \
      they have seen. Never name the directory of a running rpc.statd: its clients would lose their records.
      """)

  @Option(help: ArgumentHelp("The folder with sm, sm.bak and state.", valueName: "dir"))
  var stateDir: String
  @Option(help: ArgumentHelp("The server's address; once for IPv4, once for IPv6.", valueName: "address"))
  var from: [String] = []
  @Option(
    help: ArgumentHelp(
      "A name by which clients know the server; several times. Full and short names and the address are added. "
        + "Without any, the names in the records.", valueName: "name"))
  var name: [String] = []
  @Option(
    name: .customLong("for"), help: ArgumentHelp("How long to go on, as in 15m.", valueName: "duration"))
  var patience = WaitingTime(duration: .seconds(15 * 60))
  @Option(help: ArgumentHelp("How long the server's grace period still runs.", valueName: "duration"))
  var grace = WaitingTime(duration: .seconds(50))
  @Flag(help: "Tells the number that is in DIR/state, as an interrupted run did before.")
  var keepState = false
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let sources = try addresses()
    let directory = StatusDirectory(path: stateDir)
    let names = try await names(in: directory, sources)
    let number = try await raisedNumber(in: directory)
    let start = ContinuousClock.now
    let notification = try await reported {
      try await DirectoryNotification.start(
        .init(
          names: names, number: number, sources: sources,
          timings: NotificationTimings(gracePeriod: grace.duration, limit: patience.duration)),
        in: directory, recency: .file)
    }
    for file in notification.refused { Terminal.complain("\(stateDir)/sm.bak: \(file)") }
    let progress = NotificationDisplay(grace: grace.duration)
    do {
      try await notification.run { progress.show($0) }
    } catch {
      notification.notifier.stop()
      throw CommandFailure(.failed, "\(error)")
    }
    progress.end()
    let report = NotificationReport(
      number: number, names: names, notification.notifier.ledgers, took: ContinuousClock.now - start)
    Terminal.write(
      try output.format.render(report) { NotificationTable.render($0, coloured: Terminal.hasColour) })
    guard report.told == report.all else {
      throw CommandFailure(
        .failed,
        "\(report.all - report.told) of \(report.all) clients were not told; their records are in "
          + "\(stateDir)/sm.bak: run this again with --keep-state while the grace period lasts")
    }
  }

  private func addresses() throws -> [HostAddress] {
    var addresses: [HostAddress] = []
    for text in from {
      guard let address = HostAddress(literal: text) else {
        throw CommandFailure(.usage, "--from \(text): not an IPv4 or IPv6 address")
      }
      guard !addresses.contains(where: { $0.isIPv6 == address.isIPv6 }) else {
        throw CommandFailure(.usage, "--from takes one IPv4 and one IPv6 address, not two of a kind")
      }
      addresses.append(address)
    }
    return addresses
  }

  private func names(in directory: StatusDirectory, _ sources: [HostAddress]) async throws -> [String] {
    var given = name
    if given.isEmpty {
      given = try await reported {
        try await OwnThread.run("lf-notify") {
          try directory.retireAll()
          return directory.serverNames(in: try directory.retiredRecords().records)
        }
      }
    }
    let all = await NotificationNames.resolved(given: given, addresses: sources.map(\.description))
    guard !all.isEmpty else {
      throw CommandFailure(.usage, "no record in \(stateDir) names the server: give --name or --from")
    }
    return all
  }

  private func raisedNumber(in directory: StatusDirectory) async throws -> StateNumber {
    let keepsState = keepState
    return try await reported {
      try await OwnThread.run("lf-notify") {
        var seen: [StateNumber] = []
        if case .number(let number) = try directory.stateNumber() { seen.append(number) }
        let attempt = keepsState ? seen.first.map { NotificationAttempt.continued($0) } : .new(above: seen)
        guard let number = attempt?.number else {
          throw CommandFailure(
            .preconditionFailed,
            keepsState
              ? "--keep-state: \(directory.stateFile) holds no number"
              : "\(directory.stateFile) holds the last number there is; no client would take another for newer"
          )
        }
        try directory.raiseState(to: number)
        return number
      }
    }
  }

  /// What goes wrong with a directory or a socket is for the operator to read, not a fault of the program.
  private func reported<Value>(_ body: () async throws -> Value) async throws -> Value {
    do {
      return try await body()
    } catch let failure as CommandFailure {
      throw failure
    } catch let error as NodeHostError where error.code == .absent {
      throw CommandFailure(.noSuchObject, "\(error)")
    } catch {
      throw CommandFailure(.failed, "\(error)")
    }
  }
}

/// `lockferry notify` for people.
enum NotificationTable {
  static func render(_ report: NotificationReport, coloured: Bool) -> String {
    guard report.all > 0 else { return "nobody to tell\n" }
    var text =
      "\(report.told) of \(report.all) clients told \(report.stateNumber) as \(report.names.joined(separator: ", ")) "
      + "in \(Elapsed.text(milliseconds: report.milliseconds))\n"
    let untold = report.clients.filter { !$0.told }
    guard !untold.isEmpty else { return Terminal.printable(String(text.dropLast())) + "\n" }
    text = Terminal.printable(String(text.dropLast())) + "\n\n"
    return text + ClientTable.render(untold, coloured: coloured)
  }
}

/// Clients and what became of them.
enum ClientTable {
  static func render(_ clients: [HistoryEntry.Client], coloured: Bool) -> String {
    var table = TextTable(
      ("CLIENT", .left), ("ADDRESS", .left), ("TOLD", .left), ("AFTER", .right), ("TRIES", .right),
      ("FIRST ANSWER", .right), ("NAMES", .left), ("PROBLEM", .left))
    for client in clients {
      table.add(
        .init(client.client), .init(client.address ?? ""),
        .init(client.told ? "yes" : "no", client.told ? .good : .bad),
        .init(client.toldMilliseconds.map { Elapsed.text(milliseconds: $0) } ?? ""),
        .init(client.attempts.map(String.init) ?? ""),
        .init(client.firstAnswerMilliseconds.map { Elapsed.text(milliseconds: $0) } ?? ""),
        .init(client.names?.joined(separator: ", ") ?? ""), .init(client.problem ?? ""))
    }
    return table.render(coloured: coloured)
  }
}
