/// `election:` of a service: how its candidates agree on who tries to take it. Who has it is decided by the owner key
/// alone, either way.
public enum Election: String, Sendable, Equatable, CaseIterable {
  /// The first eligible candidate of the list claims it at once.
  case race
  /// All eligible candidates bid; after a bounded time the best bid claims it.
  case vote
}
