import Cluster
import SharedStore
import StatusMonitor

/// What becomes of the clients' locks after an adoption.
extension PlanRunner {
  /// Before anybody is told: from now on is seen who comes back.
  func beginRecovery(of records: [ClientName: [UInt8]], _ number: StateNumber) async {
    await context.recoveries.begin(
      RecoveryBook.Beginning(
        service: service.name, epoch: epoch, number: number, records: records,
        graceLeft: graceLeft ?? context.gracePeriod, mirror: context.mirror, namespace: context.namespace))
  }

  /// Where a daemon that has ended was following the recovery of this epoch.
  func goOnWithRecovery() async throws {
    let entries = try await history().entries.filter {
      $0.epoch == Int(clamping: epoch) && $0.kind == "adoption" && $0.outcome == "done" && $0.recovery != nil
    }
    if let closed = entries.last(where: { $0.recovery?.state == "closed" }) {
      return await context.recoveries.remember(closed.recovery, of: service.name)
    }
    if await context.recoveries.goOn(service.name, epoch: epoch, context.mirror, context.namespace) {
      guard let last = entries.last else { return }
      return await context.recoveries.keep(last.number, last.recovery, service.name, epoch: epoch)
    }
    let abandoned = try HistoryEntries.abandonRecoveries(
      entries, of: service.name, because: "the daemon ended, and what it had noted of it is lost")
    if !abandoned.isEmpty { try await write(abandoned) }
  }
}
