extension NodeInstance {
  /// What a node is told once.
  public struct Settings: Sendable {
    /// This node.
    public var node: NodeName
    /// Which run of the daemon this is.
    public var instance: DaemonInstance
    /// The boot of this machine.
    public var boot: String
    /// Beats and lease.
    public var timings: BeatTimings
    /// How long the store may show an old value.
    public var staleness: Duration
    /// The services.
    public var services: [ServiceDefinition]
    /// What a daemon before this one gave up since the boot: to be remembered on the machine from a
    /// ``NodeDirective/withdraw(_:because:)`` until an adoption or opening has ended online.
    public var withdrawn: Set<ServiceName>
    /// How long this node tries to adopt a service before another one may.
    public var adoption: AdoptionPolicy

    /// Settings.
    public init(
      node: NodeName, instance: DaemonInstance, boot: String, timings: BeatTimings, staleness: Duration,
      services: [ServiceDefinition], withdrawn: Set<ServiceName> = [],
      adoption: AdoptionPolicy = AdoptionPolicy()
    ) {
      self.node = node
      self.instance = instance
      self.boot = boot
      self.timings = timings
      self.staleness = staleness
      self.services = services
      self.withdrawn = withdrawn
      self.adoption = adoption
    }
  }
}
