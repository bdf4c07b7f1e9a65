import Cluster
import NodeHost
import StatusMonitor

/// Telling the clients.
extension PlanRunner {
  /// How long an adoption waits for clients to answer before it is done; the others are told meanwhile and after.
  private static let patience = Duration.seconds(10)

  func notifyClients(_ journal: inout PlanJournal) async throws -> String {
    guard case .smNotify(let retry) = service.notification else { return try await notifyByCommand(&journal) }
    if plan.kind == .resumption { return try await goOnNotifying(retry: retry) }
    guard let number = journal.stateNumber.flatMap({ Int32(exactly: $0) }).flatMap(StateNumber.init) else {
      throw PlanError("the journal of \(service.name) has lost its state number")
    }
    let records = try await storedRecords()
    guard !records.isEmpty else { return "no client to tell" }
    let (all, told) = try await context.notifications.tell(
      assignment(number, retry: retry), records, patience: Self.patience)
    journal.clients = await context.notifications.clients(service.name, epoch: epoch) ?? []
    return told == all
      ? "\(all) clients told \(number)"
      : "\(told) of \(all) clients told \(number); sm-notify goes on with the others for \(retry.components.seconds / 60) min"
  }

  private func goOnNotifying(retry: Duration) async throws -> String {
    let (stored, _) = try await ServiceStateNumber.read(
      service.name, store: context.store, limit: context.limit)
    guard let stored else { return "no client was ever told anything" }
    let left = try await context.notifications.goOn(assignment(stored, retry: retry))
    return left == 0 ? "no client is left to tell" : "sm-notify goes on with \(left) clients"
  }

  private func notifyByCommand(_ journal: inout PlanJournal) async throws -> String {
    guard case .command(let notify) = service.notification, plan.kind != .resumption else {
      return "no client is left to tell"
    }
    let records = try await storedRecords()
    guard !records.isEmpty else { return "no client to tell" }
    // A file, since the kernel takes no more than 128 KiB in one string of the environment.
    let list = "\(context.stateDirectory)/\(service.name).clients"
    let names = records.keys.sorted().map(\.text)
    try await OwnThread.run("lf-notify") {
      try DurableFile.write(Array(names.map { $0 + "\n" }.joined().utf8), to: list, mode: 0o644)
    }
    try await command(
      notify, "notify",
      [
        "LOCKFERRY_STATE_NUMBER": journal.stateNumber.map(String.init) ?? "",
        "LOCKFERRY_CLIENTS_FILE": list,
      ])
    journal.clients = records.keys.sorted().prefix(NotificationBoard.mostNamed).map {
      HistoryEntry.Client(
        client: $0.text, told: true, problem: "by \(notify.arguments.first ?? "command")'s word")
    }
    return "\(records.count) clients by \(notify.arguments.joined(separator: " "))"
  }

  private func assignment(_ number: StateNumber, retry: Duration) -> NotificationBoard.Assignment {
    NotificationBoard.Assignment(
      service: service.name, epoch: epoch, number: number,
      sourceName: service.names.first ?? service.address?.address ?? context.node.text, retry: retry)
  }
}
