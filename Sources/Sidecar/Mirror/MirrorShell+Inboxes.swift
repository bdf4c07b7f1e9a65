import Cluster
import NodeHost
import StatusMonitor

/// Who else hears of the records in the directory.
extension MirrorShell {
  /// Reads the directory; from then on `inbox` hears of what is written to it, until ``stopWatching(_:_:)``.
  ///
  /// - Parameter isResumed: what rpc.statd has rewritten while the directory was read counts as well: clients may have been
  ///   told before.
  /// - Returns: every record there is now; nil where the directory can't be read.
  func watchRecords(
    of service: ServiceName, isResumed: Bool
  ) async -> (present: [ClientName: [UInt8]]?, inbox: RecordInbox) {
    var inbox = RecordInbox()
    var present: [ClientName: [UInt8]]?
    await inTurn {
      await self.rescan()
      present = self.lastScan?.records
      if !isResumed { inbox = RecordInbox() }
      self.inboxes[service] = inbox
    }
    return (present, inbox)
  }

  /// The inbox hears no more.
  func stopWatching(_ service: ServiceName, _ inbox: RecordInbox) {
    if inboxes[service] === inbox { inboxes[service] = nil }
  }

  /// A record was read.
  ///
  /// - Parameters:
  ///   - isNew: see ``RecordInbox/Sight/isNew``.
  ///   - rewrittenAt: see ``StatusDirectoryHints/rewritten``.
  func pass(_ client: ClientName, _ record: [UInt8], isNew: Bool = false, rewrittenAt: Duration? = nil) {
    for inbox in inboxes.values {
      inbox.see(
        client, record, isNew: isNew, rewrittenAt: rewrittenAt.map(BootInstant.init(sinceBoot:)))
    }
  }

  /// A record has gone, to wherever.
  func passGone(_ client: ClientName) {
    for inbox in inboxes.values { inbox.lose(client) }
  }

  /// The whole directory was read.
  func passAll(_ records: [ClientName: [UInt8]], before: [ClientName: [UInt8]]) {
    guard !inboxes.isEmpty else { return }
    for client in before.keys where records[client] == nil { passGone(client) }
    for (client, record) in records { pass(client, record) }
  }
}
