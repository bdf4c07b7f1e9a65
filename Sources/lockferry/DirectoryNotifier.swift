import Cluster
import NodeHost
import RPCTransport
import Sidecar
import StatusMonitor

/// `lockferry notify --state-dir`: sm-notify's work without the daemon.
struct DirectoryNotifier {
  let path: String
  let options: DirectoryNotifyOptions
  let output: OutputOptions

  func run() async throws {
    let sources = try addresses()
    let directory = StatusDirectory(path: path)
    let grace = (options.grace ?? DirectoryNotifyOptions.usualGrace).duration
    let patience = (options.patience ?? DirectoryNotifyOptions.usualPatience).duration
    let facts = NFSServerFacts.read()
    let window = ReclaimWindow(
      isServing: facts.isServing, graceEnded: facts.graceEnded,
      left: facts.graceEnded == false ? GracePeriod.left() : nil)
    if let obstacle = window.obstacle(reserve: ReclaimWindow.reserve(of: grace, stopTime: .zero)) {
      Terminal.complain(obstacle + " (if this machine is their server)")
    }
    let start = ContinuousClock.now
    // A number is for telling: with nobody to tell it stays as it is.
    guard try await reported({ try await DirectoryNotification.hasClients(directory) }) else {
      return try write(NotificationReport(number: nil, names: [], [], took: .zero))
    }
    // Before anything else: whoever goes on after a crash with --keep-state must not tell the number before.
    let number = try await raisedNumber(in: directory)
    let retired = try await reported { try await DirectoryNotification.retire(in: directory) }
    let names = try await names(in: directory, retired.records, sources)
    let notification = try await reported {
      try await DirectoryNotification.start(
        .init(
          names: names, number: number, sources: sources,
          timings: NotificationTimings(gracePeriod: grace, limit: patience)),
        retired, in: directory, recency: .file)
    }
    if !notification.notifier.isPrivileged {
      Terminal.complain("clients are told from ports above 1023, which some may not believe: run as root")
    }
    let progress = NotificationDisplay(grace: grace)
    if let problem = await notification.run({ progress.show($0) }) { Terminal.complain(problem) }
    progress.end(notification.notifier.progress)
    let report = NotificationReport(
      number: number, names: names, try await notification.clients(), took: ContinuousClock.now - start)
    try write(report)
    guard report.told == report.all else {
      throw CommandFailure(
        .failed,
        "\(report.all - report.told) of \(report.all) clients were not told; their records are in "
          + "\(path)/sm.bak: run this again with --keep-state while the grace period lasts")
    }
  }

  private func write(_ report: NotificationReport) throws {
    Terminal.write(
      try output.format.render(report) { NotificationTable.render($0, coloured: Terminal.hasColour) })
  }

  private func addresses() throws -> [HostAddress] {
    var addresses: [HostAddress] = []
    for text in options.from {
      guard let address = HostAddress(literal: text.utf8) else {
        throw CommandFailure(.usage, "--from \(text): not an IPv4 or IPv6 address")
      }
      guard !addresses.contains(where: { $0.isIPv6 == address.isIPv6 }) else {
        throw CommandFailure(.usage, "--from takes one IPv4 and one IPv6 address, not two of a kind")
      }
      addresses.append(address)
    }
    return addresses
  }

  private func names(
    in directory: StatusDirectory, _ records: [RetiredRecord], _ sources: [HostAddress]
  ) async throws -> [String] {
    let given = options.name.isEmpty ? directory.serverNames(in: records) : options.name
    let all = await NotificationNames.resolved(given: given, addresses: sources.map(\.description))
    guard !all.isEmpty else {
      throw CommandFailure(.usage, "no record in \(path) names the server: give --name or --from")
    }
    return all
  }

  private func raisedNumber(in directory: StatusDirectory) async throws -> StateNumber {
    let keepsState = options.keepState
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
      "\(report.told) of \(report.all) clients told \(report.stateNumber ?? 0) as \(report.names.joined(separator: ", ")) "
      + "in \(Elapsed.text(milliseconds: report.milliseconds))\n"
    let untold = report.clients.filter { !$0.told }
    guard !untold.isEmpty else { return Terminal.printable(String(text.dropLast())) + "\n" }
    text = Terminal.printable(String(text.dropLast())) + "\n\n"
    return text + ClientTable.render(untold, coloured: coloured)
  }
}
