/// What the daemon answers to the command line and to monitors.
///
/// ``status()`` never waits for the store, a file or another node.
public protocol ControlService: Sendable {
  /// The node as it knows itself now.
  func status() async -> NodeStatus
  /// The records of one service, or of all.
  func records(service: String?) async throws(ControlError) -> [RecordStatus]
  /// What happened to one service, or to all; newest last.
  func history(service: String?) async throws(ControlError) -> [HistoryEntry]
  /// Starts a migration, or plans it.
  func migrate(_ request: MigrationRequest) async throws(ControlError) -> MigrationStatus
  /// How far a migration is.
  func migration(id: String) async throws(ControlError) -> MigrationStatus
  /// Lets the mirror of a service delete again; what is missing then departs after the usual delay.
  func thaw(service: String) async throws(ControlError)
}
