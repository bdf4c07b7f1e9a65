/// How far the clients of a service have been told: in `lockferry status`, and beside a migration.
///
/// In the store as `services/<service>/notification`, so that any node can show it.
public struct NotificationStatus: Codable, Sendable, Equatable {
  /// The service.
  public var service: String
  /// The epoch under which they are told.
  public var epoch: Int
  /// The number that they are told.
  public var stateNumber: Int
  /// Clients to be told.
  public var all: Int
  /// Of them, told.
  public var told: Int
  /// Of the others, those who have answered something.
  public var underWay: Int
  /// Since the beginning.
  public var milliseconds: Int
  /// What is left of the grace period, within which a lock can be reclaimed; 0 when it is over, nil where it is not
  /// known when it began.
  public var graceLeftMilliseconds: Int?
  /// How it ended; nil while it goes on.
  public var ended: String?
}
