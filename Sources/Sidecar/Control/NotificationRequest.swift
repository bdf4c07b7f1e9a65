/// What `lockferry notify SERVICE` asks for: `POST /v1/services/NAME/notify`.
public struct NotificationRequest: Codable, Sendable, Equatable {
  /// Tell them though no grace period runs, so that clients lose the locks that they try to reclaim.
  public var force: Bool
  /// Who asks, for the history.
  public var actor: String
  /// Why, for the history.
  public var because: String?

  /// A request.
  public init(force: Bool, actor: String, because: String?) {
    self.force = force
    self.actor = actor
    self.because = because
  }
}
