/// That a client said that it has restarted (SM_NOTIFY), as its statd's callout told.
public struct ClientRestart: Codable, Sendable, Equatable {
  /// The state number that it told; nil where it told none that is a number.
  public var state: Int?
  /// When, wall clock, ISO 8601.
  public var at: String
  /// From which address.
  public var source: String
  /// Which node heard it.
  public var node: String
}
