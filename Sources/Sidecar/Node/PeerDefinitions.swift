import Cluster
import Foundation
import NodeHost
import SharedStore

/// What a node says of itself beside its beat: the value of `nodes/<node>/info`.
struct NodeInfo: Codable, Sendable, Equatable {
  /// Each service's definition, as text that nodes compare.
  var services: [String: String]
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

  init(configuration: NodeConfiguration, store: any SharedStore) {
    self.store = store
    limit = configuration.beats.storeTimeout
    node = configuration.node
    var services: [String: String] = [:]
    for service in configuration.services {
      services[service.name.text] = service.canonicalText(
        beats: configuration.beats, mirror: configuration.mirror)
    }
    own = NodeInfo(services: services, kernel: KernelRelease.read(), version: Sidecar.version)
  }

  /// Publishes and reads; nothing for a peer whose word can't be read now.
  func exchange(peers: [NodeName]) async -> [NodeName: [ServiceName: [String]]] {
    var found: [NodeName: [ServiceName: [String]]] = [:]
    do {
      let key = try ClusterKeys.info(node)
      let bytes = try StoreJSON.bytes(own)
      if try await store.read(key, within: limit) != bytes {
        _ = try await store.commit(StoreTransaction(writes: [.init(key, bytes)]), within: limit)
      }
      for peer in peers {
        guard let bytes = try await store.read(try ClusterKeys.info(peer), within: limit),
          let info = StoreJSON.value(NodeInfo.self, bytes)
        else { continue }
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
