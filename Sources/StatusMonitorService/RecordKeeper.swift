import StatusMonitor

/// Whoever keeps records where they survive this machine.
protocol RecordKeeper: Sendable {
  /// Passes these on. Each record is reported once; never waits.
  func submit(_ requests: [RecordKeeperRequest])
  /// Ends its threads.
  func stop()
}

/// What is passed on.
enum RecordKeeperRequest: Sendable {
  /// Keep this peer's record as it is in the status directory now, and report by the ticket.
  case keep(ticket: UInt64, MonitorIdentity)
  /// The peer is no longer monitored.
  case departed(MonitorIdentity)
  /// The peer says that it restarted; `at` in seconds since 1970.
  case restarted(name: [UInt8], source: String, state: Int32, at: UInt64)

  /// By what it is reported; nil where nobody waits for it.
  var ticket: UInt64? {
    if case .keep(let ticket, _) = self { ticket } else { nil }
  }
}
