import StatusMonitor

/// Whoever keeps records where they survive this machine.
protocol RecordKeeper: Sendable {
  /// Has these records kept as they are in the status directory now. Each is reported once; never waits.
  func submit(_ requests: [RecordKeeperRequest])
  /// Ends its threads.
  func stop()
}

/// A record that is to be kept.
struct RecordKeeperRequest: Sendable {
  /// Names the request in the report.
  let ticket: UInt64
  /// Whose record, and for whom.
  let identity: MonitorIdentity
}
