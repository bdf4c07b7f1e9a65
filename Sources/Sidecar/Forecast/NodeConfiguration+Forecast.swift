public import Cluster
public import ClusterSimulator

extension NodeConfiguration {
  /// The cluster that this node file describes, for a forecast: the values that the daemon decides by.
  ///
  /// The other nodes are taken to have the same file, but for `priority`, of which each has its own.
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
    for service in services { shape.priorities[node, default: [:]][service.name] = service.priority }
    shape.watchdog = watchdog.map { .init(name: $0.name, role: $0.probe.role, settings: $0.settings) }
    shape.overload = overload.map { .init(hold: $0.hold, interval: $0.interval, reportLasts: $0.reportLasts) }
    shape.probeInterval = health.interval
    shape.probeFailures = health.probes.isEmpty ? nil : health.failures
    if health.reachableAddress == nil {
      shape.unwitnessed = Set(
        services.filter { $0.address == nil || adoption.witnesses.isEmpty }.map(\.name))
    }
    return shape
  }
}

extension HealthProbe {
  /// What of a machine it asks.
  fileprivate var role: ClusterShape.Watched.Role {
    guard case .program(_, let number, _, _, _) = subject else { return .other }
    return switch number {
    case 100_003: .server
    case 100_024: .statusMonitor
    default: .other
    }
  }
}
