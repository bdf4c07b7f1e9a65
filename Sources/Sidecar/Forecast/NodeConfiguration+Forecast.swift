public import Cluster
public import ClusterSimulator

extension NodeConfiguration {
  /// The cluster that this node file describes, for a forecast: the values that the daemon decides by.
  ///
  /// - Parameters:
  ///   - names: the services; all where it is nil.
  ///   - clients: of each service.
  public func clusterShape(of names: [ServiceName]? = nil, clients: Int) -> ClusterShape {
    let services = services.filter { names?.contains($0.name) ?? true }
    var shape = ClusterShape.plain
    shape.services = services.map(\.coreDefinition)
    shape.nodes = Set(shape.services.flatMap(\.candidates)).sorted()
    shape.addClients(clients)
    shape.timings = beats
    shape.mirror = mirror
    shape.adoption = adoption.policy
    shape.staleness = storeStaleness
    shape.probeInterval = health.interval
    shape.probeFailures = health.probes.isEmpty ? nil : health.failures
    if health.reachableAddress == nil {
      shape.unwitnessed = Set(
        services.filter { $0.address == nil || adoption.witnesses.isEmpty }.map(\.name))
    }
    return shape
  }
}
