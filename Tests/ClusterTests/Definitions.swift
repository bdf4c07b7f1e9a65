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

extension ServiceRequest {
  /// An operator's request.
  static func ask(_ action: Action, id: String = "m-1") -> ServiceRequest {
    ServiceRequest(id: id, action, actor: "root", because: "test", askedAt: "2026-01-01T00:00:00Z")
  }

  /// An operator's request to move a service to `target`.
  static func move(
    to target: NodeName, id: String = "m-1", forced: Bool = false, confirmed: Bool = false
  ) -> ServiceRequest {
    var request = ask(.migrate(to: target), id: id)
    request.isForced = forced
    request.fenceConfirmed = confirmed
    return request
  }
}
