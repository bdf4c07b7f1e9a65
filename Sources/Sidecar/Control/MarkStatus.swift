/// What `lockferry pause`, `resume`, `node drain` and `node undrain` say.
public struct MarkRequest: Codable, Sendable, Equatable {
  /// Say what would be done, do nothing.
  public var dryRun: Bool
  /// Who asks.
  public var actor: String
  /// Why.
  public var because: String?

  /// A request.
  public init(dryRun: Bool = false, actor: String, because: String? = nil) {
    self.dryRun = dryRun
    self.actor = actor
    self.because = because
  }
}

/// The answer to `POST /v1/pause` and `POST /v1/resume`.
public struct PauseStatus: Codable, Sendable, Equatable {
  /// Who has paused the cluster; nil where it is not paused.
  public var paused: NodeStatus.Mark?
}

/// The answer to `POST /v1/nodes/NAME/drain`, `POST /v1/nodes/NAME/undrain` and `GET /v1/nodes/NAME/drain`.
public struct DrainStatus: Codable, Sendable, Equatable {
  /// The node.
  public var node: String
  /// Who has drained it; nil where it is not drained.
  public var drained: NodeStatus.Mark?
  /// What it still owns, in the order in which it goes.
  public var services: [Move]

  /// A service of the node.
  public struct Move: Codable, Sendable, Equatable {
    /// The service.
    public var service: String
    /// Where it goes; nil where it has to stay.
    public var to: String?
    /// Why there, or why it stays.
    public var why: String
  }

  /// Nothing is left that could go elsewhere.
  public var isOver: Bool { services.allSatisfy { $0.to == nil } }
}
