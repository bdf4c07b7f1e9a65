import Cluster
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
      status.services[index].mirror = await daemon.mirrors.of(name).status(name)
      status.services[index].notification = await daemon.notifications.status(name)
      status.services[index].recovery = await daemon.recoveries.status(name)
    }
    status.callout = await daemon.callouts.status()
    status.warnings += await daemon.warnings.current
    return status
  }

  func records(service: String?) async throws(ControlError) -> [RecordStatus] {
    var records: [RecordStatus] = []
    for name in try names(service) {
      let restarts = await restarts(of: name)
      if let here = await daemon.mirrors.of(name).records(name) {
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

  func thaw(service: String) async throws(ControlError) {
    let service = try name(service)
    guard await daemon.mirrors.of(service).thaw(service) else {
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
