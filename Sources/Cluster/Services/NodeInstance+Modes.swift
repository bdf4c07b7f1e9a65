/// What this node does for a service, to whoever counts services.
public enum ServiceMode: String, Sendable {
  /// Served here, at home.
  case online
  /// Served here, adopted from another home.
  case failover
  /// Not served here.
  case offline
}

/// What this node does for all of them.
public enum NodeMode: String, Sendable {
  /// The store has not been read yet, or the node's name is still being checked.
  case unknown
  /// Serves what is at home here, or nothing, and could serve.
  case online
  /// Serves something that it has adopted.
  case failover
  /// Serves nothing, and can't or must not.
  case offline
}

/// Looks ownership up first, and counts (T3 to T5).
extension NodeInstance {
  /// What this node does for `name`. Never half of each: while a plan runs the service is offline.
  public func mode(of name: ServiceName) -> ServiceMode {
    guard let state = services[name], state.activity.isUp else { return .offline }
    return state.definition.home == settings.node ? .online : .failover
  }

  /// What this node does.
  public func mode(now: BootInstant) -> NodeMode {
    guard hasLooked, phase != .checkingName else { return .unknown }
    let modes = orderedServices.map { mode(of: $0) }
    if modes.contains(.failover) { return .failover }
    if modes.contains(.online) { return .online }
    return whyUnable(now: now).isEmpty && drains[settings.node] == nil ? .online : .offline
  }

  /// How often `name` came into service here or left it since the daemon began.
  public func transitions(of name: ServiceName) -> ServiceTransitions {
    services[name]?.transitions ?? ServiceTransitions()
  }
}

/// How often a service has changed on this node since the daemon began.
public struct ServiceTransitions: Sendable, Equatable {
  /// It came into service.
  public var came = 0
  /// It left service.
  public var left = 0
  /// Either.
  public var all: Int { came + left }
}
