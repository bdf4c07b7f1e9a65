/// What the core must know of a service to decide: who may own it, and which steps its plans have.
public struct ServiceDefinition: Sendable, Equatable {
  /// Its name.
  public var name: ServiceName
  /// The node that opens it the first time.
  public var home: NodeName
  /// Who may own it, best first, the home node among them.
  public var candidates: [NodeName]
  /// A fence command is configured; false means that the operator wrote `none`.
  public var hasFence: Bool
  /// A command makes its file system available.
  public var attachesStorage: Bool
  /// A command takes the file system away.
  public var detachesStorage: Bool
  /// A command, or lockferry where it is isolated, makes the NFS server enter its grace period.
  public var recoversServer: Bool
  /// Where nothing makes the NFS server enter a grace period, clients are told whether one runs or not.
  public var tellsWithoutGrace: Bool
  /// A command, or lockferry where it is isolated, makes the NFS server stop serving it.
  public var withdrawsServer: Bool
  /// It has a network namespace of its own, and in it an NFS server and a status monitor that only it uses.
  public var isIsolated: Bool
  /// Where its file systems are is known, so that a release can write down who holds which lock.
  public var listsLocks: Bool
  /// Its address moves with it.
  public var movesAddress: Bool
  /// How it comes home after a failover.
  public var failback: FailbackPolicy
  /// Commands tell whether this node could serve it.
  public var hasChecks: Bool
  /// How its candidates agree on who tries to take it.
  public var election: Election
  /// What this node bids in a vote, one of ``Bid/priorities``.
  public var priority: Int

  /// A definition; where `candidates` lacks `home`, it is added at the end.
  public init(
    name: ServiceName, home: NodeName, candidates: [NodeName], hasFence: Bool, attachesStorage: Bool = false,
    detachesStorage: Bool = false, recoversServer: Bool = false, tellsWithoutGrace: Bool = false,
    withdrawsServer: Bool = false, isIsolated: Bool = false, listsLocks: Bool = false,
    movesAddress: Bool = true, hasChecks: Bool = false,
    failback: FailbackPolicy = .manual, election: Election = .race, priority: Int = Bid.usualPriority
  ) {
    self.name = name
    self.home = home
    self.candidates = candidates.contains(home) ? candidates : candidates + [home]
    self.hasFence = hasFence
    self.attachesStorage = attachesStorage
    self.detachesStorage = detachesStorage
    self.recoversServer = recoversServer
    self.tellsWithoutGrace = tellsWithoutGrace
    self.withdrawsServer = withdrawsServer
    self.isIsolated = isIsolated
    self.listsLocks = listsLocks
    self.movesAddress = movesAddress
    self.failback = failback
    self.hasChecks = hasChecks
    self.election = election
    self.priority = priority
  }
}

/// `failback:` of a service.
public enum FailbackPolicy: Sendable, Equatable {
  /// An operator asks for it: each failback is another interruption for the clients.
  case manual
  /// Its owner gives it back when the home node has been well, and the service served elsewhere, for so long without
  /// a break.
  case automatic(after: Duration)
}
