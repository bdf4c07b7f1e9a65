/// What a node says of itself to the others: why it can take no service, or not a certain one.
///
/// Each node decides this for itself, from the store and from what only it can know; the others don't wait for one
/// that says no.
public struct Eligibility: Sendable, Equatable, Codable {
  /// Why it can take none; empty where it can.
  public var node: [String]
  /// Why it can't take a service, by the service's name; those that it can take are not there.
  public var services: [String: [String]]
  /// Which services it holds though their owners are silent, and why; nil where none.
  public var held: [String: String]?
  /// Which services nobody can serve, as it sees them, and why; nil where none.
  public var stranded: [String: String]?
  /// Which nodes miss beats and are seen serving, and what; nil where none.
  public var degraded: [String: [String]]?

  /// By itself it can take everything.
  public init(node: [String] = [], services: [String: [String]] = [:]) {
    self.node = node
    self.services = services
  }

  /// Why it can't take `service`; empty where it can.
  public func reasons(for service: ServiceName) -> [String] { node + (services[service.text] ?? []) }
}
