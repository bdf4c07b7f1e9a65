/// What `lockferry migrate`, `failback` and `service` ask for: `POST /v1/requests`.
public struct RequestBody: Codable, Sendable, Equatable {
  /// The service.
  public var service: String
  /// `migrate`, `failback`, `open`, `online`, `offline` or `close`.
  public var action: String
  /// The node that shall own it; of `migrate` only.
  public var to: String?
  /// Say what would be done, do nothing.
  public var dryRun: Bool
  /// The owner does not answer: take the service from it without its release.
  public var force: Bool
  /// With `force`: the operator has made sure that the old owner is off, or its fence may be trusted.
  public var fenceConfirmed: Bool
  /// Of `close`: the clients' records go, too.
  public var forget: Bool
  /// Who asks, for the history.
  public var actor: String
  /// Why, for the history.
  public var because: String?

  /// A request.
  public init(
    service: String, action: String, to: String? = nil, dryRun: Bool = false, force: Bool = false,
    fenceConfirmed: Bool = false, forget: Bool = false, actor: String, because: String? = nil
  ) {
    self.service = service
    self.action = action
    self.to = to
    self.dryRun = dryRun
    self.force = force
    self.fenceConfirmed = fenceConfirmed
    self.forget = forget
    self.actor = actor
    self.because = because
  }
}

/// Which request is taken back: `POST /v1/services/NAME/cancel`.
public struct CancelRequest: Codable, Sendable, Equatable {
  /// Names it.
  public var id: String
  /// Who takes it back, for the history.
  public var actor: String
  /// Why, for the history.
  public var because: String?

  /// A request.
  public init(id: String, actor: String, because: String? = nil) {
    self.id = id
    self.actor = actor
    self.because = because
  }
}

/// How far a request is: the answer to `POST /v1/requests` and `GET /v1/requests/ID`.
public struct RequestStatus: Codable, Sendable, Equatable {
  /// Names it in later questions; empty for a dry run.
  public var id: String
  /// The service.
  public var service: String
  /// What is asked, as in ``RequestBody/action``; nil where it has ended.
  public var action: String?
  /// `planned` (dry run), `pending`, `running`, `done`, `failed` or `cancelled`.
  public var state: String
  /// The steps with the reason for each; of a dry run what would be done.
  public var steps: [PlannedStep]
  /// Why it failed and what to do.
  public var problem: String?
  /// How far the clients have been told, once they are being told.
  public var notification: NotificationStatus?
  /// What is known of their locks, once the service is online again.
  public var recovery: HistoryEntry.Recovery?
  /// The number of the entry in the history that has it.
  public var recoveryEntry: Int?

  /// One step of a plan.
  public struct PlannedStep: Codable, Sendable, Equatable {
    /// The node that runs it.
    public var node: String
    /// `claim`, `fence`, …
    public var step: String
    /// What it does and why.
    public var detail: String
    /// `planned`, `running`, `done`, `skipped` or `failed`.
    public var state: String
    /// How long it took, once it has run.
    public var milliseconds: Int?
  }
}
