import CalloutProtocol
import Cluster
import Logging
import SharedStore
import StatusMonitor

/// Keeps in the store when each client last said that it has restarted: `services/<service>/restarts/<client>`.
///
/// Anybody on the network can say so, in any name. Only clients that have a record are kept, each once, and the same
/// word again costs nothing: sm-notify says it twice, for the long and the short name. What the store does not take
/// is tried a few times and then dropped: it is worth knowing, and nothing depends on it.
actor RestartLedger {
  private static let attempts = 3
  private static let pause = Duration.seconds(1)
  private static let largestTransaction = 256

  private let mirror: MirrorShell
  private let store: any SharedStore
  private let limit: Duration
  private let node: NodeName
  private let ownerBytes: MirrorShell.OwnerBytes
  private let log: Logger
  private let jobs = JobQueue()
  private var waiting: [ServiceName: [ClientName: ClientRestart]] = [:]
  private var kept: [ServiceName: [ClientName: ClientRestart]] = [:]
  private var isWriting = false

  init(
    mirror: MirrorShell, store: any SharedStore, limit: Duration, node: NodeName, log: Logger,
    ownerBytes: @escaping MirrorShell.OwnerBytes
  ) {
    self.mirror = mirror
    self.store = store
    self.limit = limit
    self.node = node
    self.log = log
    self.ownerBytes = ownerBytes
  }

  /// Writes until the task is cancelled.
  func run() async { await jobs.run() }

  /// A host said that it has restarted. Returns whether it is a client of ours.
  func note(_ restart: CalloutRequest.Restart) async -> Bool {
    let told = ClientRestart(
      state: restart.state.map(Int.init),
      at: WallClock.text(secondsSince1970: min(restart.at, UInt64(UInt32.max))),
      source: printable(restart.source), node: node.text)
    var isKnown = false
    for (service, epoch, clients) in await mirror.clients(named: [restart.monName, restart.source]) {
      for client in clients {
        isKnown = true
        let last = kept[service]?[client]
        guard last?.state != told.state || last?.source != told.source else { continue }
        kept[service, default: [:]][client] = told
        waiting[service, default: [:]][client] = told
      }
      write(service, epoch: epoch)
    }
    return isKnown
  }

  private func write(_ service: ServiceName, epoch: UInt64) {
    guard !isWriting, waiting[service]?.isEmpty == false else { return }
    isWriting = true
    jobs.start { await self.writeAll(service, epoch: epoch) }
  }

  private func writeAll(_ service: ServiceName, epoch: UInt64) async {
    while let batch = waiting[service]?.prefix(Self.largestTransaction), !batch.isEmpty {
      for (client, _) in batch { waiting[service]?[client] = nil }
      await commit(Array(batch), service, epoch: epoch)
    }
    isWriting = false
  }

  private func commit(
    _ batch: [(key: ClientName, value: ClientRestart)], _ service: ServiceName, epoch: UInt64
  ) async {
    var problem = "this node does not hold epoch \(epoch) now"
    for attempt in 1...Self.attempts {
      do {
        if let owner = await ownerBytes(service, epoch) {
          var transaction = StoreTransaction(comparisons: [
            .init(try ClusterKeys.owner(service), equals: owner)
          ])
          for (client, restart) in batch {
            transaction.writes.append(
              .init(try ClusterKeys.restart(service, client), try StoreJSON.bytes(restart)))
          }
          if try await store.commit(transaction, within: limit) == .committed { return }
          problem = "the owner key has changed"
        }
      } catch {
        problem = "\(error)"
      }
      if attempt < Self.attempts { try? await Task.sleep(for: Self.pause) }
    }
    for (client, _) in batch { kept[service]?[client] = nil }
    log.warning(
      "restarts of clients are not kept",
      metadata: [
        "service": "\(service)", "clients": "\(batch.map(\.key.text).joined(separator: ", "))",
        "error": "\(problem)",
      ])
  }

  private func printable(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix(64), as: UTF8.self).printable
  }
}
