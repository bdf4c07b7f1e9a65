/// What a node knows of itself before something of its NFS server is restarted.
public struct RecoveryFacts: Sendable, Equatable {
  /// Which kernel; nil where it says something that is no version.
  public var kernel: KernelVersion?
  /// Threads of nfsd; nil where the kernel has no NFS server loaded, or its file system isn't mounted.
  public var serverThreads: Int?
  /// Where file systems are mounted by NFSv2 or NFSv3 with the lock manager's help, each of which is a user of it.
  public var pins: [String]
  /// How many clients have a record in `sm/`.
  public var clients: Int
  /// systemd runs the NFS service.
  public var isUnderSystemd: Bool
  /// A run of sm-notify that has nobody to tell ends the grace period (`lift-grace`, sm-notify(8)).
  public var liftsGrace: Bool
  /// The kernel's thread lockd is there, and can be seen from here.
  public var seesLockManager: Bool
  /// This process is in the kernel's first network namespace.
  public var isInFirstNamespace: Bool
  /// Services that have an NFS server in a network namespace of their own here.
  public var isolatedServices: [String]

  /// A node on which nothing stands in the way.
  public init(
    kernel: KernelVersion?, serverThreads: Int? = 8, pins: [String] = [], clients: Int = 0,
    isUnderSystemd: Bool = false, liftsGrace: Bool = false, seesLockManager: Bool = true,
    isInFirstNamespace: Bool = true, isolatedServices: [String] = []
  ) {
    self.kernel = kernel
    self.serverThreads = serverThreads
    self.pins = pins
    self.clients = clients
    self.isUnderSystemd = isUnderSystemd
    self.liftsGrace = liftsGrace
    self.seesLockManager = seesLockManager
    self.isInFirstNamespace = isInFirstNamespace
    self.isolatedServices = isolatedServices
  }
}
