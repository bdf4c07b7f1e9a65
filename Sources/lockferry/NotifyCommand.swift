import ArgumentParser
import Cluster
import Sidecar
import StatusMonitor

struct NotifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "notify",
    abstract: "Tells clients that their server has restarted, so that they reclaim their locks.",
    discussion: """
      `lockferry notify SERVICE` asks the daemon of the owner to tell every client of a service again, with a new \
      number: for locks that were not reclaimed the first time, while a grace period runs.

      `lockferry notify --state-dir DIR` works without the daemon, in the place of sm-notify(8). The records move \
      from DIR/sm to DIR/sm.bak first; each is removed when its client has answered. The number in DIR/state is \
      raised before, since clients ignore one that they have seen. Never name the directory of a running rpc.statd: \
      its clients would lose their records.
      """)

  @Argument(help: "The service.")
  var service: String?
  @Option(help: ArgumentHelp("The folder with sm, sm.bak and state.", valueName: "dir"))
  var stateDir: String?
  @OptionGroup(title: "Options with --state-dir") var directory: DirectoryNotifyOptions
  @Flag(
    help:
      "With SERVICE: although no grace period runs, so that clients lose the locks that they try to reclaim.")
  var force = false
  @Option(help: ArgumentHelp("With SERVICE: why, for the history.", valueName: "text"))
  var because: String?
  @Flag(help: "With SERVICE: waits until all were told or the time for it is up, and shows how far it is.")
  var wait = false
  @Option(help: ArgumentHelp("With --wait: how long, as in 90s; 10m if not said.", valueName: "duration"))
  var timeout: WaitingTime?
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard (service == nil) != (stateDir == nil) else {
      throw ValidationError("give either a service or --state-dir DIR")
    }
    if stateDir != nil, force || because != nil || wait || daemon.isGiven {
      throw ValidationError(
        "--force, --because, --wait, --socket and --config are for a service, not for --state-dir")
    }
    if timeout != nil, !wait { throw ValidationError("--timeout is for --wait") }
    guard directory.name.allSatisfy({ (1...1_024).contains($0.utf8.count) }),
      directory.name.count <= NotificationErrand.mostNames
    else {
      throw ValidationError(
        "--name takes 1 to 1024 bytes (the protocol's limit), at most \(NotificationErrand.mostNames) times")
    }
    if service != nil, directory.isGiven {
      throw ValidationError(
        "--from, --name, --for, --grace and --keep-state are for --state-dir, not for a service")
    }
  }

  func run() async throws {
    if let stateDir {
      return try await DirectoryNotifier(path: stateDir, options: directory, output: output).run()
    }
    guard let service else { return }
    let connection = try daemon.connection()
    let path = "/v1/services/\(DaemonConnection.escape(service))"
    var status: NotificationStatus = try await connection.post(
      path + "/notify", NotificationRequest(force: force, actor: Operator.name, because: because),
      within: .seconds(60))
    if wait {
      status = try await end(of: status, path, connection)
    }
    Terminal.write(
      try output.format.render(status) { status in
        Terminal.printable(NotificationDisplay.line(status)) + "\n"
      })
    guard status.ended == nil || status.told == status.all else {
      throw CommandFailure(
        .failed,
        "\(status.all - status.told) of \(status.all) clients of \(service) were not told; see `lockferry history`"
      )
    }
  }

  private func end(
    of started: NotificationStatus, _ path: String, _ connection: DaemonConnection
  ) async throws -> NotificationStatus {
    let patience = (timeout ?? WaitingTime(duration: .seconds(600))).duration
    let deadline = ContinuousClock.now + patience
    var status = started
    let display = NotificationDisplay(status)
    defer { display.end(status.progress) }
    while status.ended == nil {
      guard ContinuousClock.now < deadline else {
        throw CommandFailure(
          .timedOut,
          "\(status.all - status.told) of \(status.all) clients of \(status.service) were not told within "
            + "\(DurationText.text(patience)); it goes on: see `lockferry status`")
      }
      display.show(status.progress)
      try await Task.sleep(for: .milliseconds(250))
      do {
        status = try await connection.get(path + "/notification", within: .seconds(10))
      } catch let failure as CommandFailure
        where failure.status == .unavailable || failure.status == .timedOut
      {
        // A daemon that restarts goes on with it.
        continue
      }
    }
    return status
  }
}

/// What `lockferry notify --state-dir` takes.
struct DirectoryNotifyOptions: ParsableArguments {
  static let usualPatience = WaitingTime(duration: .seconds(15 * 60))
  static let usualGrace = WaitingTime(duration: .seconds(50))

  @Option(help: ArgumentHelp("The server's address; once for IPv4, once for IPv6.", valueName: "address"))
  var from: [String] = []
  @Option(
    help: ArgumentHelp(
      "A name by which clients know the server; several times. Full and short names and the address are added. "
        + "Without any, the names in the records.", valueName: "name"))
  var name: [String] = []
  @Option(
    name: .customLong("for"), help: ArgumentHelp("How long to go on; 15m if not said.", valueName: "duration")
  )
  var patience: WaitingTime?
  @Option(
    help: ArgumentHelp(
      "How long the server's grace period still runs; 50s if not said.", valueName: "duration"))
  var grace: WaitingTime?
  @Flag(help: "Tells the number that is in DIR/state, as an interrupted run did before.")
  var keepState = false

  var isGiven: Bool { !from.isEmpty || !name.isEmpty || patience != nil || grace != nil || keepState }
}
