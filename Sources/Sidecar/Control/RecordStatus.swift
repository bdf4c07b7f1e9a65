/// One client's record: `lockferry records`.
public struct RecordStatus: Codable, Sendable, Equatable {
  /// The service.
  public var service: String
  /// The file's name, which is the client's.
  public var client: String
  /// What the lines call the client, each once.
  public var monNames: [String]
  /// What the lines call the server, each once.
  public var myNames: [String]
  /// Its size.
  public var bytes: Int
  /// `mirrored`, `pending` (not yet in the store), `departing` (gone from the directory, not yet deleted) or
  /// `retained` (gone from the directory, kept in the store).
  public var state: String
  /// Lines that can't be read; they are kept.
  public var problems: [String]
  /// When the client last said that it has restarted; nil where it was not heard to.
  public var lastRestart: ClientRestart?
}
