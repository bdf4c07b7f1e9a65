import Cluster
import Foundation
import NodeHost
import SharedStore

/// What a node says of itself beside its beat: the value of `nodes/<node>/info`.
struct NodeInfo: Codable, Sendable, Equatable {
  /// Each service's definition, as text that nodes compare.
  var services: [String: String]
  /// Where its health endpoint can be asked from other machines; nil where it can't.
  var health: String?
  /// `uname -r`: what a restart of the NFS server does depends on it.
  var kernel: String
  /// This program's version.
  var version: String
}

/// Publishes this node's definitions and compares them with the other nodes': two nodes that do not mean the
/// same by a service must not adopt it from each other.
struct PeerDefinitions: Sendable {
  private let store: any SharedStore
  private let limit: Duration
  private let node: NodeName
  private let own: NodeInfo
  /// `own` as it stands in the store.
  private let ownBytes: Result<[UInt8], any Error>

  init(configuration: NodeConfiguration, store: any SharedStore) {
    self.store = store
    limit = configuration.beats.storeTimeout
    node = configuration.node
    var services: [String: String] = [:]
    for service in configuration.services {
      services[service.name.text] = service.canonicalText(
        beats: configuration.beats, mirror: configuration.mirror)
    }
    own = NodeInfo(
      services: services, health: configuration.health.reachableAddress, kernel: KernelRelease.read(),
      version: Sidecar.version)
    ownBytes = Result { [own] in try StoreJSON.bytes(own) }
  }

  /// Publishes and reads; nothing for a peer whose word can't be read now.
  func exchange(peers: [NodeName]) async -> [NodeName: [ServiceName: [String]]] {
    var found: [NodeName: [ServiceName: [String]]] = [:]
    do {
      let (key, bytes) = (try ClusterKeys.info(node), try ownBytes.get())
      var infos: [NodeName: StoreKey] = [:]
      for peer in peers { infos[peer] = try ClusterKeys.info(peer) }
      let values = try await store.read([key] + infos.values, within: limit)
      if values[key] != bytes {
        _ = try await store.commit(StoreTransaction(writes: [.init(key, bytes)]), within: limit)
      }
      for (peer, info) in infos {
        guard let info = values[info].flatMap({ StoreJSON.value(NodeInfo.self, $0) }) else { continue }
        found[peer] = disagreements(with: info)
      }
    } catch {
      // The beat loop reports a store that does not answer.
      return found
    }
    return found
  }

  private func disagreements(with info: NodeInfo) -> [ServiceName: [String]] {
    var found: [ServiceName: [String]] = [:]
    for (service, text) in own.services {
      guard let name = ServiceName(service), let theirs = info.services[service] else { continue }
      found[name] = ClusterDefinition.disagreements(here: text, there: theirs)
    }
    return found
  }
}
