/// Something that an operator has set until it is taken away: the value of `config/pause` and of
/// `nodes/<node>/drain`.
///
/// It holds as long as the key is there, whatever is in it.
public struct OperatorMark: Sendable, Equatable {
  /// Who.
  public var actor: String
  /// Why; may be empty.
  public var because: String
  /// Since when, wall clock, ISO 8601: for people.
  public var since: String

  /// A mark.
  public init(actor: String, because: String, since: String) {
    self.actor = actor
    self.because = because
    self.since = since
  }

  /// Reads what ``bytes`` wrote; what can't be read names nobody.
  public init(reading bytes: [UInt8]) {
    let fields = FieldText(bytes)
    self.init(
      actor: fields?["actor"] ?? "nobody knows who", because: fields?["because"] ?? "",
      since: fields?["since"] ?? "")
  }

  /// As it stands in the store.
  public var bytes: [UInt8] {
    var fields = FieldText()
    fields.append("actor", actor)
    fields.append("because", because)
    fields.append("since", since)
    return fields.bytes
  }

  /// `by root since 2026-01-01T00:00:00Z: TEXT`
  public var text: String {
    let when = since.isEmpty ? "" : " since \(since)"
    return "by \(actor)\(when)" + (because.isEmpty ? "" : ": \(because)")
  }
}
