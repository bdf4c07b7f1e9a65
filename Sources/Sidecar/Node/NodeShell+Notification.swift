import Cluster
import Logging
import NodeHost
import SharedStore
import StatusMonitor

/// Telling clients outside of an adoption, and what is written about it.
extension NodeShell {
  /// Shows other nodes how far a notification is; only of interest while it runs, so nobody waits for the disk.
  func publish(_ status: NotificationStatus, _ service: ServiceName, epoch: UInt64) async {
    do {
      _ = try await commit(
        [.init(try ClusterKeys.notification(service), try StoreJSON.bytes(status))], durability: .visible,
        service, epoch: epoch)
    } catch {
      log.debug("progress is not in the store", metadata: ["service": "\(service)", "error": "\(error)"])
    }
  }

  /// Tells every client of the service again, with a new number: for locks that were not reclaimed the first time.
  ///
  /// - Parameter number: what clients are to be told, unless the service's have heard a later one; nil: the next.
  func tellAgain(
    _ name: ServiceName, _ request: NotificationRequest, number: StateNumber? = nil
  ) async throws(ControlError) {
    guard let service = configuration.services.first(where: { $0.name == name }) else {
      throw ControlError(.noSuchObject, "no service \(name)")
    }
    let standing = instance.standing(of: name)
    guard let ownership = standing.ownership, ownership.node == configuration.node, standing.isServedHere,
      ownership.state == .online
    else {
      throw ControlError(
        .preconditionFailed,
        "\(name) is not online on this node; ask its owner's daemon"
          + (standing.ownership.map { ", \($0.node)" } ?? ""))
    }
    do {
      let graceLeft = try await graceLeft(of: name, epoch: ownership.epoch, force: request.force)
      let records = try await records(of: name)
      guard !records.isEmpty else {
        throw ControlError(.preconditionFailed, "no client of \(name) has a record: there is nobody to tell")
      }
      let next = try await ServiceStateNumber.next(
        name, directory: statusDirectory(of: name), store: store, limit: configuration.beats.storeTimeout,
        chosen: number)
      guard
        var assignment = service.assignment(
          epoch: ownership.epoch, number: next.number, graceLeft: graceLeft,
          gracePeriod: configuration.mirror.gracePeriod, namespace: configuration.namespace(of: name))
      else {
        throw ControlError(
          .preconditionFailed,
          "recovery.notify of \(name) is a command: run it, lockferry does not tell its clients")
      }
      // Beside the service's clients, those of this node's own exports are in its status directory.
      if service.isolation == nil { assignment.names += configuration.serverNames }
      let entry = try await newEntry(name, ownership.epoch, next.number, request)
      let key = try ClusterKeys.history(name, number: entry.number)
      guard
        try await commit(
          [next.write, .init(key, try StoreJSON.bytes(entry))],
          comparing: [next.comparison, .init(key, equals: nil)],
          name, epoch: ownership.epoch)
      else { throw ControlError(.exists, "somebody else is telling the clients of \(name): try again") }
      try await tell(assignment, records, entry)
    } catch let error as ControlError {
      throw error
    } catch let error as StoreError {
      throw ControlError(storeError: error)
    } catch {
      throw ControlError(.failed, "the clients of \(name) are not told: \(error)")
    }
  }

  private func tell(
    _ assignment: NotificationAssignment, _ records: [ClientName: [UInt8]], _ entry: HistoryEntry
  ) async throws {
    let (name, epoch) = (assignment.service, assignment.epoch)
    do {
      let directory = statusDirectory(of: name)
      try await OwnThread.run("lf-state") { try directory.raiseState(to: assignment.number) }
      _ = try await notifications.tell(assignment, records, patience: .zero)
      guard await notifications.keep(entry, name, epoch: epoch) else {
        throw PlanError("telling the clients of \(name) was stopped")
      }
    } catch {
      var failed = entry
      (failed.outcome, failed.problem) = ("failed", "\(error)")
      _ = await revise(failed, nil, name, epoch: epoch)
      throw error
    }
  }

  /// What is left of the grace period at least, as far as that is known; zero where none runs.
  ///
  /// - Throws: ``ControlError`` where clients that are told now could not reclaim, unless `force` says that somebody knows
  ///   better.
  private func graceLeft(of name: ServiceName, epoch: UInt64, force: Bool) async throws -> Duration? {
    // Where a later one runs than the one that is known, more is left.
    let window = try await reclaimWindow(
      of: name, known: try await notifications.graceLeft(name, epoch: epoch))
    let reserve = ReclaimWindow.reserve(
      of: configuration.mirror.gracePeriod, stopTime: configuration.beats.stopTime)
    if !force, let obstacle = window.obstacle(reserve: reserve) {
      throw ControlError(
        .unsafe, "\(name): \(obstacle). Restart the NFS server first, or repeat with --force")
    }
    switch window {
    case .unseen: return try await notifications.graceLeft(name, epoch: epoch)
    case .closed: return .zero
    case .open(let left): return left
    }
  }

  func records(of name: ServiceName) async throws -> [ClientName: [UInt8]] {
    let values = try await store.list(below: try ClusterKeys.records(name), within: .seconds(10))
    var records: [ClientName: [UInt8]] = [:]
    for (key, bytes) in values {
      guard let client = try? ClientName(key.components.last ?? "") else { continue }
      records[client] = bytes
    }
    return records
  }

  private func newEntry(
    _ name: ServiceName, _ epoch: UInt64, _ number: StateNumber, _ request: NotificationRequest
  ) async throws -> HistoryEntry {
    let last = try await HistoryEntries.read(name, in: store, within: .seconds(10)).last
    let reason = request.because.map { ": \($0)" } ?? ""
    return HistoryEntry(
      number: last + 1, service: name.text, kind: "notification", from: nil, to: configuration.node.text,
      epoch: Int(clamping: epoch), because: "asked by \(request.actor)\(reason)", startedAt: WallClock.now,
      milliseconds: 0, outcome: "running", problem: nil, stateNumber: Int(number.value), steps: [],
      request: nil)
  }
}
