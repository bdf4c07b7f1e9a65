import ArgumentParser
import Cluster
import Foundation
import Sidecar

struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Moves a service to another node.",
    discussion: """
      An owner that is alive gives the service up before the other node takes it. --force takes it from an owner \
      that does not answer: then you, or the service's fence, must make sure that the old owner is off, since two \
      servers that serve one service destroy what the locks protect.
      """)

  @Argument(help: "The service.")
  var service: String
  @Option(help: ArgumentHelp("The node that shall own it.", valueName: "node"))
  var to: String
  @Flag(help: "Says what would be done, does nothing.")
  var dryRun = false
  @Flag(help: "Takes the service from an owner that does not answer.")
  var force = false
  @Flag(help: "With --force: the old owner is off, you have made sure.")
  var fenceConfirmed = false
  @Option(help: ArgumentHelp("Why, for the history.", valueName: "text"))
  var because: String?
  @Flag(help: "Waits until it is done or has failed.")
  var wait = false
  @Option(help: ArgumentHelp("With --wait: how long, as in 90s or 10m.", valueName: "duration"))
  var timeout = WaitingTime(duration: .seconds(600))
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard ServiceName(service) != nil else { throw ValidationError("`\(service)` can't be a service's name") }
    guard NodeName(to) != nil else { throw ValidationError("`\(to)` can't be a node's name") }
    if fenceConfirmed && !force { throw ValidationError("--fence-confirmed is for --force") }
    if dryRun && wait { throw ValidationError("--wait makes no sense with --dry-run") }
  }

  func run() async throws {
    let connection = try daemon.connection()
    var request = MigrationRequest(
      service: service, to: to, dryRun: dryRun, force: force, fenceConfirmed: fenceConfirmed,
      actor: Operator.name, because: because)
    if force, !fenceConfirmed, !dryRun {
      request.fenceConfirmed = try await FenceConfirmation.ask(service: service, connection)
    }
    var status: MigrationStatus = try await connection.post("/v1/migrations", request)
    if wait { status = try await end(of: status, connection) }
    Terminal.write(
      try output.format.render(status) { MigrationTable.render($0, coloured: Terminal.hasColour) })
    if status.state == "failed" {
      throw CommandFailure(
        .failed, status.problem ?? "the migration of \(service) failed; see `lockferry history`")
    }
  }

  private func end(of started: MigrationStatus, _ connection: DaemonConnection) async throws
    -> MigrationStatus
  {
    let deadline = ContinuousClock.now + timeout.duration
    var status = started
    var display: NotificationDisplay?
    defer { if let notification = status.notification { display?.end(notification.progress) } }
    while status.state == "pending" || status.state == "running" {
      guard ContinuousClock.now < deadline else {
        throw CommandFailure(
          .timedOut,
          "migration \(status.id) of \(service) is still \(status.state) after \(DurationText.text(timeout.duration));"
            + " it goes on: see `lockferry status`")
      }
      if let notification = status.notification, notification.ended == nil {
        display = display ?? NotificationDisplay(notification)
        display?.show(notification.progress)
      }
      try await Task.sleep(for: .milliseconds(250))
      do {
        status = try await connection.get(
          "/v1/migrations/" + DaemonConnection.escape(status.id), within: .seconds(10))
      } catch let failure as CommandFailure
        where failure.status == .unavailable || failure.status == .timedOut
      {
        // The plan is in the store's journal: a daemon that restarts goes on with it.
        continue
      }
    }
    return status
  }
}

/// `--timeout`
struct WaitingTime: ExpressibleByArgument, CustomStringConvertible {
  var duration: Duration

  init(duration: Duration) { self.duration = duration }

  init?(argument: String) {
    guard let duration = try? DurationText.parse(argument), duration > .zero else { return nil }
    self.duration = duration
  }

  var description: String { DurationText.text(duration) }
  var defaultValueDescription: String { description }
}

/// Who asks, for the history.
enum Operator {
  static var name: String {
    let name = NSUserName()
    guard let before = ProcessInfo.processInfo.environment["SUDO_USER"], before != name else { return name }
    return "\(name) (sudo by \(before))"
  }
}

/// `lockferry migrate` for people.
enum MigrationTable {
  static func render(_ status: MigrationStatus, coloured: Bool) -> String {
    let name = status.id.isEmpty ? "" : " \(status.id)"
    var text = Terminal.printable("migration\(name) of service \(status.service): \(status.state)") + "\n"
    if let problem = status.problem { text += Terminal.printable("problem: \(problem)") + "\n" }
    guard !status.steps.isEmpty else { return text }
    var table = TextTable(
      ("NO", .right), ("NODE", .left), ("STEP", .left), ("STATE", .left), ("TOOK", .right), ("WHAT", .left))
    for (index, step) in status.steps.enumerated() {
      let mood: TextTable.Mood =
        switch step.state {
        case "done": .good
        case "failed": .bad
        default: .plain
        }
      table.add(
        .init("\(index + 1)"), .init(step.node), .init(step.step), .init(step.state, mood),
        .init(step.milliseconds.map { Elapsed.text(milliseconds: $0) } ?? ""), .init(step.detail))
    }
    return text + "\n" + table.render(coloured: coloured)
  }
}
