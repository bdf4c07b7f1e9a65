import Cluster
import Foundation
import NodeHost
import SharedStore
import StatusMonitor

/// Answers the command line and monitors for a running daemon.
struct NodeControl: ControlService {
  let daemon: Daemon

  var store: ObservedStore { daemon.store }
  var limit: Duration { max(daemon.configuration.beats.storeTimeout, .seconds(5)) }

  func status() async -> NodeStatus {
    var status = await daemon.shell.status()
    for index in status.services.indices {
      guard let name = ServiceName(status.services[index].service) else { continue }
      status.services[index].mirror = await daemon.mirror.status(name)
      status.services[index].notification = await daemon.notifications.status(name)
    }
    status.callout = await daemon.callouts.status()
    status.warnings += await daemon.warnings.current
    return status
  }

  func records(service: String?) async throws(ControlError) -> [RecordStatus] {
    var records: [RecordStatus] = []
    for name in try names(service) {
      let restarts = await restarts(of: name)
      if let here = await daemon.mirror.records(name) {
        records += here.map { $0.with(restarts[$0.client]) }
        continue
      }
      // Another node's mirror, or nobody's: what the store holds is what counts.
      for (key, bytes) in try await list(below: { () throws(StoreError) in try ClusterKeys.records(name) })
        .sorted(by: { $0.key < $1.key })
      {
        guard let last = key.components.last, let client = try? ClientName(last) else { continue }
        records.append(
          RecordStatus(service: name, client: client, bytes: bytes, state: "mirrored").with(
            restarts[client.text]))
      }
    }
    return records
  }

  func history(service: String?) async throws(ControlError) -> [HistoryEntry] {
    var entries: [HistoryEntry] = []
    for name in try names(service) {
      for (key, bytes) in try await list(below: { () throws(StoreError) in try ClusterKeys.history(name) }) {
        entries.append(
          StoreJSON.value(HistoryEntry.self, bytes)
            ?? .unreadable(name, number: key.components.last.flatMap { Int($0) } ?? 0, in: store.location))
      }
    }
    return entries.sorted { ($0.startedAt, $0.service, $0.number) < ($1.startedAt, $1.service, $1.number) }
  }

  func historyEntry(service: String, number: Int) async throws(ControlError) -> HistoryEntry {
    let name = try name(service)
    do {
      // A ledger that is being rewritten goes with its entry: then both are looked at again.
      let key = try ClusterKeys.history(name, number: number)
      var attempts = 0
      while true {
        attempts += 1
        guard let bytes = try await store.read(key, within: limit) else {
          throw ControlError(.noSuchObject, "no entry \(number) in the history of \(name)")
        }
        guard var entry = StoreJSON.value(HistoryEntry.self, bytes) else {
          return .unreadable(name, number: number, in: store.location)
        }
        let (clients, isWhole) = try await HistoryLedger.read(entry, name, in: store)
        guard isWhole || attempts == 5 else { continue }
        entry.clients = clients
        return entry
      }
    } catch let error as ControlError {
      throw error
    } catch let error as StoreError {
      throw ControlError(storeError: error)
    } catch {
      throw ControlError(.failed, "\(error)")
    }
  }

  func migrate(_ request: MigrationRequest) async throws(ControlError) -> MigrationStatus {
    let service = try name(request.service)
    guard let target = NodeName(request.to) else {
      throw ControlError(.badRequest, "\(request.to) can't be a node's name")
    }
    // The order has to fit into a value that every node reads.
    guard request.actor.utf8.count + (request.because?.utf8.count ?? 0) <= 2000 else {
      throw ControlError(.badRequest, "the reason is too long: at most 2000 bytes")
    }
    let order = MigrationOrder(
      id: UUID().uuidString.lowercased(), to: target, isForced: request.force,
      fenceConfirmed: request.fenceConfirmed, actor: request.actor, because: request.because ?? "")
    if let refusal = await daemon.shell.whyNotMigrate(service, order) { throw refusal }
    let plans = await daemon.shell.plannedMigration(service, order)
    guard !request.dryRun else {
      return MigrationStatus(
        id: "", service: service.text, state: "planned", steps: Self.steps(plans, state: "planned"),
        problem: nil)
    }
    try await place(order, for: service)
    return MigrationStatus(
      id: order.id, service: service.text, state: "pending", steps: Self.steps(plans, state: "planned"),
      problem: nil)
  }

  func migration(id: String) async throws(ControlError) -> MigrationStatus {
    for name in try names(nil) {
      if let bytes = try await read({ () throws(StoreError) in try ClusterKeys.order(name) }),
        let order = MigrationOrder(bytes: bytes), order.id == id
      {
        return try await underWay(order, of: name)
      }
      let answered = try await history(service: name.text).filter { $0.request == id }
      if let last = answered.last(where: { $0.kind == "adoption" }) {
        let missed = last.untold.map(\.client)
        let more = last.untoldCount > missed.count ? " and \(last.untoldCount - missed.count) more" : ""
        return MigrationStatus(
          id: id, service: name.text, state: "done", steps: answered.flatMap(Self.steps),
          problem: missed.isEmpty ? nil : "not told yet: \(missed.joined(separator: ", "))\(more)")
      }
    }
    throw ControlError(.noSuchObject, "no migration \(id) is under way or in the history")
  }

  func thaw(service: String) async throws(ControlError) {
    let service = try name(service)
    guard await daemon.mirror.thaw(service) else {
      throw ControlError(
        .preconditionFailed, "the mirror of \(service) does not run on this node: ask its owner's")
    }
  }

  // MARK: - Parts

  /// When each client last restarted; none where the store does not tell, since the records themselves are there.
  private func restarts(of name: ServiceName) async -> [String: ClientRestart] {
    guard let values = try? await list(below: { () throws(StoreError) in try ClusterKeys.restarts(name) })
    else { return [:] }
    var restarts: [String: ClientRestart] = [:]
    for (key, bytes) in values {
      if let client = key.components.last { restarts[client] = StoreJSON.value(ClientRestart.self, bytes) }
    }
    return restarts
  }

  private func underWay(_ order: MigrationOrder, of name: ServiceName) async throws(ControlError)
    -> MigrationStatus
  {
    var steps: [MigrationStatus.PlannedStep] = []
    for entry in try await history(service: name.text) where entry.request == order.id {
      steps += Self.steps(entry)
    }
    var state = order.problem == nil ? "pending" : "failed"
    if let bytes = try await read({ () throws(StoreError) in try ClusterKeys.plan(name) }),
      let journal = StoreJSON.value(PlanJournal.self, bytes), journal.plan.request == order.id
    {
      if order.problem == nil { state = "running" }
      let done = journal.steps.map {
        MigrationStatus.PlannedStep(
          node: journal.plan.node, step: $0.step, detail: $0.detail, state: $0.state,
          milliseconds: $0.milliseconds)
      }
      let left = journal.plan.steps.dropFirst(journal.done).enumerated().map { index, step in
        MigrationStatus.PlannedStep(
          node: journal.plan.node, step: step.kind.rawValue, detail: step.why,
          state: index == 0 ? "running" : "planned", milliseconds: nil)
      }
      steps += done + left
    }
    return MigrationStatus(
      id: order.id, service: name.text, state: state, steps: steps, problem: order.problem,
      notification: try await notification(of: name, since: order))
  }

  /// Writes the order where none is, or where the last one has ended with a problem.
  private func place(_ order: MigrationOrder, for service: ServiceName) async throws(ControlError) {
    do {
      let key = try ClusterKeys.order(service)
      let bytes = try await store.read(key, within: limit)
      if let bytes, let earlier = MigrationOrder(bytes: bytes), earlier.problem == nil {
        throw ControlError(
          .exists, "\(service) is being moved to \(earlier.to) already, \(earlier.reason): wait for its end")
      }
      let outcome = try await store.commit(
        StoreTransaction(comparisons: [.init(key, equals: bytes)], writes: [.init(key, order.bytes)]),
        within: limit)
      guard outcome == .committed else {
        throw ControlError(.exists, "somebody else has just asked to move \(service)")
      }
    } catch let error as ControlError {
      throw error
    } catch let error as StoreError {
      throw ControlError(storeError: error)
    } catch {
      throw ControlError(.failed, "\(error)")
    }
  }

  private static func steps(_ plans: [Plan], state: String) -> [MigrationStatus.PlannedStep] {
    plans.flatMap { plan in
      plan.steps.map {
        MigrationStatus.PlannedStep(
          node: plan.node, step: $0.kind.rawValue, detail: $0.why, state: $0.isSkipped ? "skipped" : state,
          milliseconds: nil)
      }
    }
  }

  private static func steps(_ entry: HistoryEntry) -> [MigrationStatus.PlannedStep] {
    let node = entry.kind == "release" ? entry.from : entry.to
    return entry.steps.map {
      MigrationStatus.PlannedStep(
        node: node ?? "", step: $0.step, detail: $0.detail, state: $0.state, milliseconds: $0.milliseconds)
    }
  }

  func names(_ service: String?) throws(ControlError) -> [ServiceName] {
    guard let service else { return daemon.configuration.services.map(\.name) }
    return [try name(service)]
  }

  func name(_ service: String) throws(ControlError) -> ServiceName {
    guard let name = ServiceName(service), daemon.configuration.services.contains(where: { $0.name == name })
    else {
      let known = daemon.configuration.services.map(\.name.text).joined(separator: ", ")
      throw ControlError(.noSuchObject, "no service \(service) in this node's file; it knows \(known)")
    }
    return name
  }

  func read(_ key: () throws(StoreError) -> StoreKey) async throws(ControlError) -> [UInt8]? {
    do {
      return try await store.read(try key(), within: limit)
    } catch {
      throw ControlError(storeError: error)
    }
  }

  func list(
    below prefix: () throws(StoreError) -> StoreKey
  ) async throws(ControlError) -> [StoreKey: [UInt8]] {
    do {
      return try await store.list(below: try prefix(), within: limit)
    } catch {
      throw ControlError(storeError: error)
    }
  }
}

extension RecordStatus {
  fileprivate func with(_ restart: ClientRestart?) -> RecordStatus {
    var status = self
    status.lastRestart = restart
    return status
  }
}

extension ControlError {
  init(storeError error: StoreError) {
    self.init(error.code == .timedOut ? .indeterminate : .storeUnavailable, error.message)
  }
}
