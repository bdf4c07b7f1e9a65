/// What somebody wants to say of a node's health: the body of `POST /v1/health-reports`.
public struct ReportRequest: Codable, Sendable, Equatable {
  /// Of whom.
  public var node: String
  /// `unhealthy` or `healthy`.
  public var state: String
  /// Why, in words; at most 500 bytes.
  public var because: String
  /// How long it counts, as in `10m`: 1s to 24h. Default 10m.
  public var `for`: String?
  /// Who found out, a name as a node's has; a later report of the same source replaces it.
  public var source: String?
  /// Who runs the command; over HTTP with a token it does not count.
  public var actor: String?

  /// A request.
  public init(
    node: String, state: String, because: String, for duration: String? = nil, source: String? = nil,
    actor: String? = nil
  ) {
    self.node = node
    self.state = state
    self.because = because
    self.for = duration
    self.source = source
    self.actor = actor
  }
}
