/// What somebody asked of a service; waits its turn in the service's ``RequestQueue``.
public struct ServiceRequest: Sendable, Equatable {
  /// What is asked.
  public enum Action: Sendable, Equatable {
    /// Move it to a named node.
    case migrate(to: NodeName)
    /// Move it to its home node.
    case failback
    /// Bring a service that was never served, or was closed, into service.
    case open
    /// Serve it again after ``offline``.
    case online
    /// Serve it nowhere until ``online``.
    case offline
    /// Serve it nowhere until ``open``; with `forgets` its clients' records go, too.
    case close(forgets: Bool)

    /// As in the store and on the command line.
    public var word: String {
      switch self {
      case .migrate: "migrate"
      case .failback: "failback"
      case .open: "open"
      case .online: "online"
      case .offline: "offline"
      case .close: "close"
      }
    }

    /// The service is to run nowhere.
    public var stops: Bool {
      switch self {
      case .offline, .close: true
      case .migrate, .failback, .open, .online: false
      }
    }
  }

  /// Names it in the queue, in the history and in later questions.
  public var id: String
  /// What is asked.
  public var action: Action
  /// Do not wait for the owner's release if the owner does not answer.
  public var isForced: Bool
  /// The operator has made sure that the old owner is off.
  public var fenceConfirmed: Bool
  /// Who asks.
  public var actor: String
  /// Why.
  public var because: String
  /// When, wall clock, ISO 8601: for people, nothing is decided by it.
  public var askedAt: String

  /// A request.
  public init(
    id: String, _ action: Action, isForced: Bool = false, fenceConfirmed: Bool = false, actor: String,
    because: String, askedAt: String
  ) {
    self.id = id
    self.action = action
    self.isForced = isForced
    self.fenceConfirmed = fenceConfirmed
    self.actor = actor
    self.because = because
    self.askedAt = askedAt
  }

  /// Reads what ``bytes`` wrote; nil where it is something else.
  public init?(bytes: [UInt8]) {
    guard let fields = FieldText(bytes), let id = fields["id"], let action = Action(fields),
      let actor = fields["actor"], let because = fields["because"], let askedAt = fields["asked_at"]
    else { return nil }
    self.init(
      id: id, action, isForced: fields["force"] == "true",
      fenceConfirmed: fields["fence_confirmed"] == "true", actor: actor, because: because, askedAt: askedAt)
  }

  /// As it stands in the store.
  public var bytes: [UInt8] {
    var fields = FieldText()
    fields.append("id", id)
    fields.append("action", action.word)
    switch action {
    case .migrate(let target): fields.append("to", target.text)
    case .close(let forgets): fields.append("forget", String(forgets))
    case .failback, .open, .online, .offline: break
    }
    fields.append("force", String(isForced))
    fields.append("fence_confirmed", String(fenceConfirmed))
    fields.append("actor", actor)
    fields.append("because", because)
    fields.append("asked_at", askedAt)
    return fields.bytes
  }

  /// For the history.
  public var reason: String { because.isEmpty ? "asked by \(actor)" : "asked by \(actor): \(because)" }
}

extension ServiceRequest.Action {
  fileprivate init?(_ fields: FieldText) {
    switch fields["action"] {
    case "migrate":
      guard let target = fields["to"].flatMap(NodeName.init) else { return nil }
      self = .migrate(to: target)
    case "failback": self = .failback
    case "open": self = .open
    case "online": self = .online
    case "offline": self = .offline
    case "close": self = .close(forgets: fields["forget"] == "true")
    default: return nil
    }
  }
}
