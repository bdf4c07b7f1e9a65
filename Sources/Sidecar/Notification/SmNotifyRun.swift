import Cluster
import Glibc
import NodeHost
import StatusMonitor

/// A run of nfs-utils' sm-notify on a status directory of its own. Who still has a file has not answered: sm-notify
/// moves files from `sm` to `sm.bak` and unlinks each when its client has answered.
struct SmNotifyRun: NotificationRun {
  private let directory: StatusDirectory
  /// Those who were to be told when the attempt began, by another daemon perhaps.
  private let ledger: AttemptLedger
  private let all: Int
  private let command: LongRunningCommand

  /// sm-notify chooses them itself.
  var names: [String] { [] }

  static func start(_ assignment: NotificationAssignment, in directory: StatusDirectory) async throws
    -> SmNotifyRun
  {
    let places = ["/usr/sbin/sm-notify", "/sbin/sm-notify"]
    guard let program = places.first(where: { access($0, X_OK) == 0 }) else {
      throw PlanError("sm-notify is not in /usr/sbin or /sbin: install nfs-common (nfs-utils)")
    }
    let ledger = AttemptLedger(in: directory)
    let left = try await left(in: directory)
    let all = try await OwnThread.run("lf-notify") { ledger.clients(left: left).count }
    let minutes = max(assignment.retryLeft.wholeMilliseconds / 60_000, 1)
    let name = assignment.names.first ?? assignment.addresses.first ?? ""
    // -d stays in the foreground, -n sends the number that is in the directory instead of a newer one.
    let command = try await LongRunningCommand.start(
      [program, "-d", "-f", "-n", "-P", directory.path, "-m", String(minutes), "-v", name],
      networkNamespace: assignment.namespace?.networkNamespace)
    return SmNotifyRun(directory: directory, ledger: ledger, all: all, command: command)
  }

  func progress() async throws -> NotificationProgress {
    let left = try await Self.left(in: directory)
    return NotificationProgress(all: all, told: max(all - left.count, 0), underWay: 0)
  }

  func clients() async throws -> [HistoryEntry.Client] {
    let left = try await Self.left(in: directory)
    let ledger = ledger
    return try await OwnThread.run("lf-notify") { ledger.clients(left: left) }.map { client in
      var client = client
      if !client.told { client.problem = "has not answered sm-notify" }
      return client
    }
  }

  func run() async -> String {
    await withTaskCancellationHandler {
      "sm-notify: \(await command.wait().explanation)"
    } onCancel: {
      command.terminate()
    }
  }

  func stop() { command.terminate() }

  private static func left(in directory: StatusDirectory) async throws -> Set<ClientName> {
    try await OwnThread.run("lf-notify") {
      try directory.clients(in: .records).union(directory.clients(in: .retired))
    }
  }
}
