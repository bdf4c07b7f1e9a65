import Cluster
import SharedStore
import StatusMonitor

extension SharedStore {
  /// The clients of a service that have said since then, ISO 8601 in UTC, that they restarted themselves.
  func clientsRestarted(of service: ServiceName, since start: String) async -> Set<ClientName> {
    guard let key = try? ClusterKeys.restarts(service),
      let values = try? await list(below: key, within: .seconds(10))
    else { return [] }
    var restarted: Set<ClientName> = []
    for (key, bytes) in values {
      // Both in UTC; a restart's second may have begun before.
      guard let restart = StoreJSON.value(ClientRestart.self, bytes),
        restart.at.prefix(19) >= start.prefix(19), let name = key.components.last,
        let client = try? ClientName(name)
      else { continue }
      restarted.insert(client)
    }
    return restarted
  }
}

extension DirectoryStore {
  /// When each client's record was last written to the store, seconds since 1970; none where that can't be read.
  func recordsMirrored(of service: ServiceName) async -> [ClientName: UInt64] {
    guard let key = try? ClusterKeys.records(service),
      let written = try? await written(below: key, within: .seconds(10))
    else { return [:] }
    var mirrored: [ClientName: UInt64] = [:]
    for (key, seconds) in written {
      guard let name = key.components.last, let client = try? ClientName(name) else { continue }
      mirrored[client] = UInt64(max(seconds, 0))
    }
    return mirrored
  }
}
