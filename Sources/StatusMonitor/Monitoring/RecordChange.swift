/// A change of one client's record: lines that come, and lines that go.
///
/// It is made to what the file holds when it is written, not to what the status monitor remembers: an adoption may
/// have put lines of another server's into it meanwhile, and they must stay.
public struct RecordChange: Sendable, Equatable {
  /// Whose record.
  public let client: ClientName
  /// Lines that are to be there, each once.
  public var adding: [MonitorLine]
  /// Who is no longer to be there, whatever the cookie.
  public var removing: [MonitorIdentity]
  /// The lines should be there already, and the file is written only if they aren't: sm-notify may have taken it.
  public var isCheck: Bool

  /// A change of this client's record.
  public init(
    client: ClientName, adding: [MonitorLine] = [], removing: [MonitorIdentity] = [], isCheck: Bool = false
  ) {
    self.client = client
    self.adding = adding
    self.removing = removing
    self.isCheck = isCheck
  }

  /// What the file holds after the change; nil where nothing is left and the file is to go.
  ///
  /// Lines that can't be read stay, since they may be the only trace of a client; empty ones don't.
  ///
  /// - Parameter present: what it holds before; nil where there is no file.
  public func applied(to present: MonitorRecord?) -> MonitorRecord? {
    let replaced = Set(adding.map(\.identity) + removing)
    var missing = adding
    var bytes: [UInt8] = []
    func append(_ text: [UInt8]) {
      bytes += text
      bytes.append(UInt8(ascii: "\n"))
    }
    for line in present?.lines ?? [] where !line.text.isEmpty {
      if case .monitor(let line) = line, replaced.contains(line.identity) {
        // What is there already stays where it is.
        guard let index = missing.firstIndex(where: { $0.text == line.text }) else { continue }
        missing.remove(at: index)
      }
      append(line.text)
    }
    for line in missing { append(line.text) }
    return bytes.isEmpty ? nil : MonitorRecord(parsing: bytes)
  }
}

extension MonitorLine {
  /// Whom the line monitors, and for whom.
  public var identity: MonitorIdentity {
    MonitorIdentity(
      monName: monNameBytes,
      target: CallbackTarget(myName: myNameBytes, program: program, version: version, procedure: procedure))
  }
}
