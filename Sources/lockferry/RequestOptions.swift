import ArgumentParser
import Cluster
import Foundation
import Sidecar

/// What the verbs share that ask something of a service.
struct RequestOptions: ParsableArguments {
  @Flag(help: "Says what would be done, does nothing.")
  var dryRun = false
  @Option(help: ArgumentHelp("Why, for the history.", valueName: "text"))
  var because: String?
  @Flag(help: "Waits until it is done or has failed.")
  var wait = false
  @Option(help: ArgumentHelp("With --wait: how long, as in 90s or 10m.", valueName: "duration"))
  var timeout = WaitingTime(duration: .seconds(600))
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if dryRun && wait { throw ValidationError("--wait makes no sense with --dry-run") }
  }

  /// A request to do `action` with `service`, by whoever runs this.
  func body(_ service: String, _ action: String) -> RequestBody {
    RequestBody(service: service, action: action, dryRun: dryRun, actor: Operator.name, because: because)
  }

  /// Asks, waits if that is wanted, and prints what became of it.
  func ask(_ body: RequestBody, _ connection: DaemonConnection) async throws {
    var status: RequestStatus = try await connection.post("/v1/requests", body)
    if wait { status = try await end(of: status, connection) }
    status.action = body.action
    let rendered = status
    Terminal.write(
      try output.format.render(rendered) { RequestTable.render($0, coloured: Terminal.hasColour) })
    if ["failed", "cancelled"].contains(status.state) {
      throw CommandFailure(
        .failed,
        status.problem
          ?? "\(RequestTable.noun(body.action)) of \(body.service) failed; see `lockferry history`")
    }
    // What is not known yet is no failure of the request: the service is served.
    if let recovery = status.recovery, recovery.hasLoss, let entry = status.recoveryEntry {
      try recovery.judge(service: body.service, entry: entry)
    }
  }

  private func end(of started: RequestStatus, _ connection: DaemonConnection) async throws -> RequestStatus {
    let deadline = ContinuousClock.now + timeout.duration
    var status = started
    var display: NotificationDisplay?
    defer { if let notification = status.notification { display?.end(notification.progress) } }
    while status.state == "pending" || status.state == "running" {
      guard ContinuousClock.now < deadline else {
        throw CommandFailure(
          .timedOut,
          "\(RequestTable.noun(started.action ?? "")) \(status.id) of \(status.service) is still \(status.state) after"
            + " \(DurationText.text(timeout.duration)); it goes on: see `lockferry status`")
      }
      if let notification = status.notification, notification.ended == nil {
        display = display ?? NotificationDisplay(notification)
        display?.show(notification.progress)
      }
      try await Task.sleep(for: .milliseconds(250))
      do {
        status = try await connection.get(
          "/v1/requests/" + DaemonConnection.escape(status.id), within: .seconds(10))
      } catch let failure as CommandFailure
        where failure.status == .unavailable || failure.status == .timedOut
      {
        // The request is in the store: a daemon that restarts goes on with it.
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

/// How far a request is, for people.
enum RequestTable {
  static func noun(_ action: String) -> String {
    switch action {
    case "migrate": "migration"
    case "open": "opening"
    case "close": "closing"
    default: action
    }
  }

  static func render(_ status: RequestStatus, coloured: Bool) -> String {
    let name = status.id.isEmpty ? "" : " \(status.id)"
    let noun = noun(status.action ?? "request")
    var text = Terminal.printable("\(noun)\(name) of service \(status.service): \(status.state)") + "\n"
    if let problem = status.problem { text += Terminal.printable("problem: \(problem)") + "\n" }
    if let recovery = status.recovery {
      text += Terminal.printable("locks: \(recovery.text)") + "\n"
      if let entry = status.recoveryEntry, recovery.isUndecided {
        text += "`lockferry history show \(entry) --service \(status.service) --wait` tells the end of it\n"
      }
    }
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
