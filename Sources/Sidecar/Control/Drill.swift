/// What `lockferry drill` asks for: `POST /v1/services/NAME/drill`.
public struct DrillRequest: Codable, Sendable, Equatable {
  /// How long to wait for clients that do not answer, 1 to 25,000.
  public var limitMilliseconds: Int

  /// A request.
  public init(limitMilliseconds: Int) { self.limitMilliseconds = limitMilliseconds }
}

/// What a drill has shown: whether the clients' status monitors can be reached from this node.
public struct DrillReport: Codable, Sendable, Equatable {
  /// The service.
  public var service: String
  /// The node that asked.
  public var node: String
  /// Clients with a record.
  public var all: Int
  /// Of them, those whose status monitor answered.
  public var reached: Int
  /// Until the last of these answered.
  public var milliseconds: Int
  /// What telling those who were reached would take: a drill asks for one thing, a notification for one by each name.
  public var notificationMilliseconds: Int
  /// The grace period as configured.
  public var graceMilliseconds: Int
  /// The names by which they would be told.
  public var names: [String]
  /// Everybody; `told` means reached.
  public var clients: [HistoryEntry.Client]
}
