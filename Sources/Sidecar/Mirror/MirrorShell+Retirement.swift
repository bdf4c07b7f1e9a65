import Cluster
import Logging
import NodeHost
import StatusMonitor

/// What sm-notify moves to `sm.bak`: the kernel goes on with its client as monitored, so its record has to be in the store
/// all the same. When its client was told, sm-notify removes it there.
extension MirrorShell {
  /// These were moved away a moment ago.
  func takeRetired(_ clients: Set<ClientName>) async {
    for (client, bytes) in await readRetired(clients) {
      // It may have been written and moved before anybody had read it.
      applyToAll { $0.onWritten(client, bytes, now: .now) }
    }
    applyToAll { $0.onRetired(clients, now: .now) }
  }

  /// These lie in `sm.bak`, some perhaps since before anybody mirrored here.
  func takeUnknown(among clients: Set<ClientName>) async {
    guard !clients.isEmpty else { return }
    var unknown: Set<ClientName> = []
    for entry in entries.values { unknown.formUnion(entry.instance?.unknown(among: clients) ?? []) }
    guard !unknown.isEmpty else { return }
    let found = await readRetired(unknown)
    guard !found.isEmpty else { return }
    log.notice(
      "records that were retired before they were mirrored go to the store",
      metadata: ["clients": "\(found.keys.sorted().prefix(10).map(\.text).joined(separator: ", "))"])
    applyToAll { $0.onFoundRetired(found, now: .now) }
  }

  private func readRetired(_ clients: Set<ClientName>) async -> [ClientName: [UInt8]] {
    do {
      return try await OwnThread.run("lf-read-bak") { [directory] in
        try directory.retiredRecords(of: clients)
      }
    } catch {
      log.warning(
        "what sm-notify has retired can't be read", metadata: ["error": "\(error)"])
      return [:]
    }
  }
}
