/// The NFS servers that serve this node's services, and which of their starts no plan here has asked for: nobody tells their
/// clients of those but lockferry.
public struct ServerRestarts: Sendable {
  /// What serves a service on this node.
  public enum Server: Sendable, Equatable {
    /// The node's own NFS server, with the others.
    case shared
    /// One of its own, in a network namespace.
    case isolated
    /// NFS-Ganesha.
    case ganesha
  }

  /// A service of the node file.
  public struct Service: Sendable, Equatable {
    /// Its name.
    public var name: ServiceName
    /// What serves it.
    public var server: Server
    /// A command of the operator's tells its clients: nobody knows when it last did.
    public var isToldByCommand: Bool

    /// A service.
    public init(name: ServiceName, server: Server, isToldByCommand: Bool) {
      (self.name, self.server, self.isToldByCommand) = (name, server, isToldByCommand)
    }
  }

  private let services: [Service]
  /// In which clients can reclaim after a start.
  private let gracePeriod: Duration
  private var shared = ServerStartWatch()
  private var isolated: [ServiceName: ServerStartWatch] = [:]
  /// How many restarts of the shared server by plans were in the last sight of it.
  private var plannedSeen = 0

  /// Nothing was seen yet.
  public init(_ services: [Service], gracePeriod: Duration) {
    (self.services, self.gracePeriod) = (services, gracePeriod)
  }

  /// The kernel was asked about the shared server.
  ///
  /// - Parameters:
  ///   - planned: how often plans have begun to restart it since the daemon started.
  ///   - plannedInSight: how many of those this sight shows wholly; nil where one may be half seen.
  /// - Returns: whom it concerns that somebody else has restarted it.
  public mutating func onShared(
    _ sight: ServerStartWatch.Sight, planned: Int, plannedInSight: Int?
  ) -> UntoldRestart? {
    let start = shared.onSight(sight)
    let isPlanned = planned != plannedSeen
    if let plannedInSight { plannedSeen = plannedInSight }
    guard let start, !isPlanned else { return nil }
    return untold(
      start, of: .shared, toldSince: start.by, "this node's NFS server was restarted by somebody",
      asked: sight.asked
    ) { $0.server == .shared }
  }

  /// The kernel was asked about the server of an isolated service.
  public mutating func onIsolated(
    _ service: ServiceName, _ sight: ServerStartWatch.Sight
  ) -> UntoldRestart? {
    guard let start = isolated[service, default: ServerStartWatch()].onSight(sight) else { return nil }
    // Only its plan starts it: what was told after the last sight without a grace period was told of this start.
    return untold(
      start, of: .isolated, toldSince: start.after ?? start.by, "its NFS server was restarted by somebody",
      asked: sight.asked
    ) { $0.name == service }
  }

  /// NFS-Ganesha has started; plans never start it.
  public func onGanesha(_ start: BootInstant) -> UntoldRestart {
    UntoldRestart(
      because: "NFS-Ganesha was restarted by somebody", server: .ganesha, start: start,
      due: start + gracePeriod,
      services: services.filter { $0.server == .ganesha }.map(\.name))
  }

  /// What is left at least of a grace period of `length` that the kernel's server of `service` has; nil where nothing shows
  /// since when it runs.
  public func graceLeft(of service: ServiceName, length: Duration, now: BootInstant) -> Duration? {
    switch services.first(where: { $0.name == service })?.server {
    case .isolated: isolated[service]?.graceLeft(of: length, now: now)
    case .shared: shared.graceLeft(of: length, now: now)
    case .ganesha, nil: nil
    }
  }

  private func untold(
    _ start: ServerStartWatch.Start, of server: Server, toldSince: BootInstant, _ because: String,
    asked: BootInstant,
    _ isServed: (Service) -> Bool
  ) -> UntoldRestart {
    // A server that is seen for the first time may have been started by an adoption of this daemon, whose command has told
    // everybody: no alarm.
    let isFirstSight = start.after == start.by
    return UntoldRestart(
      because: because, server: server, start: toldSince, due: asked + gracePeriod,
      services: services.filter { isServed($0) && !($0.isToldByCommand && isFirstSight) }.map(\.name))
  }
}
