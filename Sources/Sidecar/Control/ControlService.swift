/// What the daemon answers to the command line and to monitors.
///
/// ``status()`` never waits for the store, a file or another node.
public protocol ControlService: Sendable {
  /// The node as it knows itself now.
  func status() async -> NodeStatus
  /// The records of one service, or of all.
  func records(service: String?) async throws(ControlError) -> [RecordStatus]
  /// What happened to one service, or to all, without the clients; newest last.
  func history(service: String?) async throws(ControlError) -> [HistoryEntry]
  /// One entry with every client.
  func historyEntry(service: String, number: Int) async throws(ControlError) -> HistoryEntry
  /// Puts a request into the queue of its service, or plans it.
  func ask(_ request: RequestBody) async throws(ControlError) -> RequestStatus
  /// How far a request is.
  func request(id: String) async throws(ControlError) -> RequestStatus
  /// Takes a request back that waits.
  func cancel(service: String, _ request: CancelRequest) async throws(ControlError) -> RequestStatus
  /// Pauses the cluster, or resumes it.
  func pause(_ request: MarkRequest, _ isPaused: Bool) async throws(ControlError) -> PauseStatus
  /// Drains a node, or ends that.
  func drain(node: String, _ request: MarkRequest, _ isDrained: Bool) async throws(ControlError)
    -> DrainStatus
  /// What is left on a node, and whether it is drained.
  func drain(of node: String) async throws(ControlError) -> DrainStatus
  /// Lets the mirror of a service delete again; what is missing then departs after the usual delay.
  func thaw(service: String) async throws(ControlError)
  /// Lets a service be adopted automatically again.
  func unhold(service: String) async throws(ControlError)
  /// Writes down what somebody says of a node's health.
  func report(_ request: ReportRequest, actor: String) async throws(ControlError) -> NodeStatus.Report
  /// Tells every client of a service again, with a new number, and says how far it is at once.
  func notify(service: String, _ request: NotificationRequest) async throws(ControlError)
    -> NotificationStatus
  /// How far the last notification of a service is, wherever it runs.
  func notification(service: String) async throws(ControlError) -> NotificationStatus
  /// Asks every client's status monitor whether it can be reached from here, and tells it nothing.
  func drill(service: String, _ request: DrillRequest) async throws(ControlError) -> DrillReport
}
