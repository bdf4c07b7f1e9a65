import Cluster
import NodeHost
import RPCTransport
import SharedStore
import StatusMonitor

/// Telling clients, and asking whether they could be told.
extension NodeControl {
  func notify(
    service: String, _ request: NotificationRequest
  ) async throws(ControlError) -> NotificationStatus {
    let name = try name(service)
    guard request.actor.utf8.count + (request.because?.utf8.count ?? 0) <= 2000 else {
      throw ControlError(.badRequest, "the reason is too long: at most 2000 bytes")
    }
    try await daemon.shell.tellAgain(name, request)
    return try await notification(service: service)
  }

  func notification(service: String) async throws(ControlError) -> NotificationStatus {
    let name = try name(service)
    if let here = await daemon.notifications.status(name) { return here }
    guard var stored = try await storedNotification(of: name) else {
      throw ControlError(.noSuchObject, "no client of \(name) has ever been told anything")
    }
    // Whoever told them is gone, or is this node and tells nobody now.
    let standing = await daemon.shell.standing(of: name)
    if stored.ended == nil,
      standing?.node == daemon.configuration.node || standing.map({ Int(clamping: $0.epoch) }) != stored.epoch
    {
      stored.ended = "it was stopped before all were told"
    }
    return stored
  }

  /// How far the clients are told on whichever node carries `request` out.
  func notification(
    of name: ServiceName, since request: ServiceRequest
  ) async throws(ControlError) -> NotificationStatus? {
    guard let bytes = try await read({ () throws(StoreError) in try ClusterKeys.plan(name) }),
      let journal = StoreJSON.value(PlanJournal.self, bytes), journal.plan.request == request.id,
      let stored = try await storedNotification(of: name), stored.epoch == Int(clamping: journal.plan.epoch)
    else { return nil }
    return stored
  }

  private func storedNotification(of name: ServiceName) async throws(ControlError) -> NotificationStatus? {
    try await read({ () throws(StoreError) in try ClusterKeys.notification(name) }).flatMap {
      StoreJSON.value(NotificationStatus.self, $0)
    }
  }

  func drill(service: String, _ request: DrillRequest) async throws(ControlError) -> DrillReport {
    let name = try name(service)
    guard (1...25_000).contains(request.limitMilliseconds) else {
      throw ControlError(.badRequest, "a drill takes 1 to 25000 ms, not \(request.limitMilliseconds)")
    }
    guard let definition = daemon.configuration.services.first(where: { $0.name == name }) else {
      throw ControlError(.noSuchObject, "no service \(name)")
    }
    let records = try await list(below: { () throws(StoreError) in try ClusterKeys.records(name) })
    let clients = records.compactMap { key, bytes -> NotificationClient? in
      guard let last = key.components.last, let client = try? ClientName(last) else { return nil }
      let record = MonitorRecord(parsing: bytes)
      return NotificationClient(name: client, record: record, recency: NotificationClient.recency(of: record))
    }
    let names = await NotificationNames.resolved(
      given: definition.names, addresses: definition.addresses)
    let ledgers: [NotificationLedger]
    do {
      let limit = Duration.milliseconds(request.limitMilliseconds)
      let notifier = try Notifier(
        try NotificationErrand(.drill), to: clients,
        timings: NotificationTimings(gracePeriod: limit, limit: limit), from: [])
      // Whoever asked may have gone.
      await withTaskCancellationHandler {
        for await _ in notifier.changes {}
      } onCancel: {
        notifier.stop()
      }
      ledgers = notifier.ledgers
    } catch {
      throw ControlError(.failed, "the drill of \(name) could not begin: \(error)")
    }
    let last = ledgers.compactMap(\.told).max() ?? .zero
    // One look-up and one call were made for each client; a notification makes one call by each name.
    let estimate = last * (1 + names.count) / 2
    return DrillReport(
      service: name.text, node: daemon.configuration.node.text, all: ledgers.count,
      reached: ledgers.count { $0.isTold }, milliseconds: last.wholeMilliseconds,
      notificationMilliseconds: estimate.wholeMilliseconds,
      graceMilliseconds: daemon.configuration.mirror.gracePeriod.wholeMilliseconds, names: names,
      clients: ledgers.map { HistoryEntry.Client($0) }.sorted { $0.client < $1.client })
  }
}
