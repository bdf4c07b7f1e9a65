import Cluster

extension ServiceDefinition {
  /// A service at home on `a`.
  static func named(
    _ name: ServiceName = "home", home: NodeName = "a", candidates: [NodeName] = ["a", "b", "c"],
    hasFence: Bool = false
  ) -> ServiceDefinition {
    ServiceDefinition(
      name: name, home: home, candidates: candidates, hasFence: hasFence, attachesStorage: true,
      detachesStorage: true, recoversServer: true, withdrawsServer: true)
  }
}

extension MigrationOrder {
  /// An operator's order to move a service to `target`.
  static func move(
    to target: NodeName, id: String = "m-1", forced: Bool = false, confirmed: Bool = false
  ) -> MigrationOrder {
    MigrationOrder(
      id: id, to: target, isForced: forced, fenceConfirmed: confirmed, actor: "root", because: "test")
  }
}
