import CalloutProtocol
public import StatusMonitor

/// What an operator says of a status monitor.
public struct StatusMonitorOptions: Sendable {
  /// The folder with `sm` and `state`.
  public var statusDirectory: String
  /// The port of all transports; nil lets the kernel choose.
  public var port: UInt16?
  /// The daemon that keeps records in the shared store; nil where there is none.
  public var mirror: Mirror?
  /// How much is taken from others.
  public var limits = MonitoringLimits()

  /// The daemon of this node.
  public struct Mirror: Sendable {
    /// Its run directory, where it hears callouts.
    public var runDirectory: String
    /// How long a record may take to the store.
    public var limit: Duration
    /// No lock for a client whose record isn't there by then.
    public var refuses: Bool

    /// The daemon with this run directory.
    public init(runDirectory: String, limit: Duration, refuses: Bool) {
      self.runDirectory = runDirectory
      self.limit = limit
      self.refuses = refuses
    }

    var socket: String { CalloutPlaces(runDirectory: runDirectory).socket }
  }

  /// A status monitor on this directory.
  public init(statusDirectory: String, port: UInt16? = nil, mirror: Mirror? = nil) {
    self.statusDirectory = statusDirectory
    self.port = port
    self.mirror = mirror
    if let mirror { limits.mirroring = mirror.limit }
  }

  var mirroring: StatusMonitorInstance.Mirroring {
    mirror.map { $0.refuses ? .refuse : .grant } ?? .none
  }
}
