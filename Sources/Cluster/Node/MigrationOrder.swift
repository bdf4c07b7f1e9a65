/// An operator's wish to move a service: the value of `services/<service>/request`.
///
/// There is one at a time per service. It is written only where none is, and it goes when the adoption that
/// answers it is finished, so that it runs once.
public struct MigrationOrder: Sendable, Equatable {
  /// Names it in the history.
  public var id: String
  /// Who shall own the service.
  public var to: NodeName
  /// Do not wait for the owner's release if the owner does not answer.
  public var isForced: Bool
  /// The operator has made sure that the old owner is off.
  public var fenceConfirmed: Bool
  /// Who asks.
  public var actor: String
  /// Why.
  public var because: String
  /// Set where the owner could not or would not: the order has ended.
  public var problem: String?

  /// An order.
  public init(
    id: String, to: NodeName, isForced: Bool, fenceConfirmed: Bool, actor: String, because: String,
    problem: String? = nil
  ) {
    self.id = id
    self.to = to
    self.isForced = isForced
    self.fenceConfirmed = fenceConfirmed
    self.actor = actor
    self.because = because
    self.problem = problem
  }

  /// Reads what ``bytes`` wrote; nil where it is something else.
  public init?(bytes: [UInt8]) {
    guard let fields = FieldText(bytes), let id = fields["id"],
      let to = fields["to"].flatMap(NodeName.init), let actor = fields["actor"],
      let because = fields["because"]
    else { return nil }
    self.init(
      id: id, to: to, isForced: fields["force"] == "true",
      fenceConfirmed: fields["fence_confirmed"] == "true", actor: actor, because: because,
      problem: fields["problem"])
  }

  /// As it stands in the store.
  public var bytes: [UInt8] {
    var fields = FieldText()
    fields.append("id", id)
    fields.append("to", to.text)
    fields.append("force", String(isForced))
    fields.append("fence_confirmed", String(fenceConfirmed))
    fields.append("actor", actor)
    fields.append("because", because)
    if let problem { fields.append("problem", problem) }
    return fields.bytes
  }

  /// For the history.
  public var reason: String { because.isEmpty ? "asked by \(actor)" : "asked by \(actor): \(because)" }
}
