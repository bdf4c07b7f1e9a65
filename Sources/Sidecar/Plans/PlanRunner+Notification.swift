import Cluster
import NodeHost
import SharedStore
import StatusMonitor

/// Telling the clients.
extension PlanRunner {
  /// How long an adoption waits for clients to answer before it is done; the others are told meanwhile and after.
  private static let patience = Duration.seconds(10)

  func notifyClients(_ journal: inout PlanJournal) async throws -> String {
    if plan.kind == .resumption { return try await goOnNotifying() }
    var number = try await numberToTell(&journal, waits: false)
    let records = try await clientsToTell()
    await beginRecovery(of: records, number)
    let reclaims = try await beginReclaims()
    let start = BootClock.now
    var told = try await tellClients(records, number, &journal)
    while case let newer = try await numberToTell(&journal, waits: true), newer != number {
      number = newer
      told = try await tellClients(records, number, &journal)
    }
    let own = await tellOwnClients(number, graceLeft: graceLeft, patience: .seconds(3))
    guard let reclaims else { return told + own }
    return try await told + own + "; " + reclaims(Self.patience - (BootClock.now - start))
  }

  /// The journal's, unless the adoption of another service has restarted this node's NFS server since: its number stands in
  /// the store then, and whoever has heard that one takes this service's for an old one.
  ///
  /// It is in the store before its restart and must not be told before that, since no client would heed it afterwards: so
  /// nobody restarts the server while it is read.
  ///
  /// - Parameter waits: until nobody restarts it. The first telling must not wait for others while its own grace period runs.
  private func numberToTell(_ journal: inout PlanJournal, waits: Bool) async throws -> StateNumber {
    guard let number = journal.number else {
      throw PlanError("the journal of \(service.name) has lost its state number")
    }
    guard service.isolation == nil else { return number }
    if waits {
      try await context.serverTurn.take(toRestart: false)
    } else if await !context.serverTurn.takeIfFree() {
      return number
    }
    let stored: StateNumber?
    do {
      stored = try await ServiceStateNumber.read(
        service.name, store: context.store, limit: context.limit
      ).number
    } catch {
      await context.serverTurn.leave()
      throw error
    }
    await context.serverTurn.leave()
    guard let stored, stored > number else { return number }
    journal.stateNumber = Int(stored.value)
    return stored
  }

  private func tellClients(
    _ records: [ClientName: [UInt8]], _ number: StateNumber, _ journal: inout PlanJournal
  ) async throws -> String {
    if case .command(let notify) = service.notification {
      return try await notifyByCommand(notify, records, &journal)
    }
    try await expectGrace(for: records.count)
    guard !records.isEmpty, let assignment = assignment(number) else { return "no client to tell" }
    let (all, told) = try await context.notifications.tell(assignment, records, patience: Self.patience)
    return told == all
      ? "\(all) clients told \(number)"
      : "\(told) of \(all) clients told \(number); the others are told again for "
        + DurationText.text(assignment.retry)
  }

  func goOnNotifying() async throws -> String {
    try await goOnWithRecovery()
    let (stored, _) = try await ServiceStateNumber.read(
      service.name, store: context.store, limit: context.limit)
    guard let stored else { return "no client was ever told anything" }
    let own = await goOnTellingOwnClients(stored)
    let ownText = own > 0 ? "; so are \(own) clients of this node's own NFS server" : ""
    guard var assignment = assignment(stored) else {
      return "clients are told by a command, once" + ownText
    }
    // Who is told of a restart by somebody else knows this node by its own names.
    if service.isolation == nil { assignment.names += context.ownClients.names }
    let told = try await context.notifications.goOn(assignment)
    let entries = try await history().entries.filter { $0.epoch == Int(clamping: epoch) }
    var kept: Int?
    if let told,
      let entry = entries.last(where: {
        ["adoption", "notification"].contains($0.kind) && $0.stateNumber == Int(told.number.value)
          && ($0.outcome == "running" || $0.untoldCount > 0)
      }), await context.notifications.keep(entry, service.name, epoch: epoch)
    {
      kept = entry.number
    }
    let abandoned = try HistoryEntries.abandon(entries.filter { $0.number != kept }, of: service.name)
    if !abandoned.isEmpty { try await write(abandoned) }
    guard let left = told?.left, left > 0 else { return "no client is left to tell" + ownText }
    return "\(left) clients that have not answered yet are told again" + ownText
  }

  func history() async throws -> HistoryEntries {
    try await HistoryEntries.read(service.name, in: context.store, within: context.limit)
  }

  /// Everybody who was to be told, and what became of them.
  func clients() async throws -> [HistoryEntry.Client] {
    if let command = journal.toldBy {
      return try await clientsToTell().keys.sorted().map {
        HistoryEntry.Client(client: $0.text, told: true, problem: "by \(command)'s word")
      }
    }
    return await context.notifications.clients(service.name, epoch: epoch) ?? []
  }

  private func notifyByCommand(
    _ notify: CommandConfiguration, _ records: [ClientName: [UInt8]], _ journal: inout PlanJournal
  ) async throws -> String {
    try await expectGrace(for: records.count)
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
    journal.toldBy = notify.arguments.first ?? "command"
    return "\(records.count) clients by \(notify.arguments.joined(separator: " "))"
  }

  /// Clients that are told after the grace period can only learn that their locks are gone.
  private func expectGrace(for clients: Int) async throws {
    if clients > 0, service.usesGanesha {
      guard try await GaneshaAdmin.standing().isInGrace else { throw GraceOver(clients: clients) }
    } else if clients > 0, graceLeft != nil {
      let facts = try await NFSServerFacts.read(for: context.namespace)
      if facts.isServing, facts.graceEnded == true { throw GraceOver(clients: clients) }
    }
    guard await context.onTelling(service.name, clients > 0) else { throw GraceOver(clients: clients) }
  }

  /// What is left of a grace period that waits for its clients to be told.
  var untoldGrace: Duration? {
    let isTold = plan.steps.prefix(journal.done).contains { $0.kind == .notify }
    return plan.kind == .adoption && !isTold ? graceLeft : nil
  }

  private func assignment(_ number: StateNumber) -> NotificationAssignment? {
    service.assignment(
      epoch: epoch, number: number, graceLeft: graceLeft, gracePeriod: context.gracePeriod,
      namespace: context.namespace)
  }

  /// What is left of the grace period that the server step began or found; nil where there is none that anybody could see.
  var graceLeft: Duration? {
    guard let server = journal.steps.last(where: { $0.step == "server" && $0.state == "done" }) else {
      return nil
    }
    let then = journal.graceLeft.map { Duration.milliseconds($0) }
    guard let then = then ?? (service.serverRecovery == nil ? nil : context.gracePeriod) else { return nil }
    let since = journal.elapsed(boot: context.boot) - server.startedAtMilliseconds - server.milliseconds
    return max(then - .milliseconds(max(since, 0)), .zero)
  }
}

/// Too late to tell the clients.
struct GraceOver: Error, CustomStringConvertible {
  var clients: Int

  var description: String {
    "\(clients) clients were not told while enough of the grace period was left"
  }
}

extension ServiceConfiguration {
  /// What the notifier is to do; nil where a command tells the clients.
  func assignment(
    epoch: UInt64, number: StateNumber, graceLeft: Duration?, gracePeriod: Duration,
    namespace: ServiceNamespace?
  ) -> NotificationAssignment? {
    let teller: NotificationAssignment.Teller
    switch notification {
    case .builtIn: teller = .builtIn
    case .smNotify: teller = .smNotify
    case .command: return nil
    }
    return NotificationAssignment(
      service: name, epoch: epoch, number: number, teller: teller, names: names, addresses: addresses,
      namespace: namespace, retry: notification.retry, graceLeft: graceLeft, gracePeriod: gracePeriod)
  }
}
