public import StatusMonitor

/// What an operator says of a status monitor.
public struct StatusMonitorOptions: Sendable {
  /// The folder with `sm` and `state`.
  public var statusDirectory: String
  /// The port of all transports; nil lets the kernel choose.
  public var port: UInt16?
  /// How much is taken from others.
  public var limits = MonitoringLimits()

  /// A status monitor on this directory.
  public init(statusDirectory: String, port: UInt16? = nil) {
    self.statusDirectory = statusDirectory
    self.port = port
  }
}
