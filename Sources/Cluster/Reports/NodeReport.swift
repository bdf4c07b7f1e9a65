/// What somebody says of a node's health, for a while: the value of `reports/<node>/<source>`.
///
/// Whoever it comes from, the node itself, an operator or other equipment, it takes the same path.
public struct NodeReport: Sendable, Equatable {
  /// What is said.
  public enum State: String, Sendable {
    /// It should serve nothing.
    case unhealthy
    /// It should serve less.
    case overloaded
    /// It is well. Replaces what the same source has said before.
    case healthy
  }

  /// Of whom.
  public var node: NodeName
  /// Who found out: one report of each source counts, the last.
  public var source: String
  /// What is said.
  public var state: State
  /// Why, in words.
  public var because: String
  /// Who wrote it.
  public var actor: String
  /// Wall clock, for people alone.
  public var at: String
  /// How long it counts, in milliseconds, from when it is first seen: each node measures by its own clock.
  public var forMilliseconds: Int

  /// A report.
  public init(
    node: NodeName, source: String, state: State, because: String, actor: String, at: String,
    forMilliseconds: Int
  ) {
    self.node = node
    self.source = source
    self.state = state
    self.because = because
    self.actor = actor
    self.at = at
    self.forMilliseconds = forMilliseconds
  }

  /// The longest that a report counts: a day.
  public static let longest = Duration.seconds(86_400)

  /// Reads what ``bytes`` wrote; nil where it is something else.
  public init?(node: NodeName, source: String, bytes: [UInt8]) {
    guard let fields = FieldText(bytes), let state = fields["state"].flatMap(State.init),
      let because = fields["because"], let actor = fields["actor"], let at = fields["at"],
      let milliseconds = fields["for_ms"].flatMap({ Int($0) }),
      (1...Self.longest.wholeMilliseconds).contains(milliseconds)
    else { return nil }
    self.init(
      node: node, source: source, state: state, because: because, actor: actor, at: at,
      forMilliseconds: milliseconds)
  }

  /// As it stands in the store.
  public var bytes: [UInt8] {
    var fields = FieldText()
    fields.append("state", state.rawValue)
    fields.append("because", because)
    fields.append("actor", actor)
    fields.append("at", at)
    fields.append("for_ms", String(forMilliseconds))
    return fields.bytes
  }

  /// For the history.
  public var reason: String { "reported \(state.rawValue) by \(source): \(because)" }
}
