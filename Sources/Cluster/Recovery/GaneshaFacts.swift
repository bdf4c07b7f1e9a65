/// `recovery.server: ganesha`: what is known of a node's NFS-Ganesha before it is asked for a grace period.
public struct GaneshaFacts: Sendable, Equatable {
  /// Why its admin object on the system message bus does not answer, and what to do; nil where it does.
  public var problem: String?
  /// Why no lock manager (NLM, version 4) answers on this node; nil where one does.
  public var lockManagerProblem: String?
  /// Threads of the kernel's NFS server; nil where that isn't loaded.
  public var kernelThreads: Int?
  /// How many clients have a record in `sm/`.
  public var clients: Int
  /// What its configuration says; nil where that is not known.
  public var configuration: Configuration?

  /// What its configuration says of grace periods.
  public struct Configuration: Sendable, Equatable {
    /// The file.
    public var path: String
    /// `Grace_Period`
    public var gracePeriod: Duration
    /// `Graceless`
    public var isGraceless: Bool

    /// As a file says it.
    public init(path: String, gracePeriod: Duration, isGraceless: Bool) {
      self.path = path
      self.gracePeriod = gracePeriod
      self.isGraceless = isGraceless
    }
  }

  /// A node on which nothing stands in the way.
  public init(
    problem: String? = nil, lockManagerProblem: String? = nil, kernelThreads: Int? = nil, clients: Int = 0,
    configuration: Configuration? = nil
  ) {
    self.problem = problem
    self.lockManagerProblem = lockManagerProblem
    self.kernelThreads = kernelThreads
    self.clients = clients
    self.configuration = configuration
  }

  /// What is done, and what stands against it.
  ///
  /// Ganesha's lock manager refuses reclaims outside of a grace period (`nlm4_Lock`), and its grace period without any
  /// further event (`EVENT_JUST_GRACE`) takes no lock from anybody: nothing is restarted, and nobody but the service's
  /// clients has anything to reclaim.
  ///
  /// - Parameter length: how long lockferry counts on a grace period, `mirror.grace_period`.
  public func procedure(length: Duration) -> RecoveryProcedure {
    var refusals: [String] = []
    if let problem { refusals.append(problem) }
    if let threads = kernelThreads, threads > 0 {
      refusals.append(
        "the kernel's NFS server has \(threads) threads here (/proc/fs/nfsd/threads), and Ganesha's grace period does not "
          + "reach its lock manager: stop it (rpc.nfsd 0), or take restart-nfs")
    } else if problem == nil, let lockManagerProblem {
      refusals.append(
        "no lock manager answers, and clients could reclaim nothing: Enable_NLM must not be false in Ganesha's "
          + "configuration (\(lockManagerProblem))")
    }
    if let configuration, configuration.isGraceless {
      refusals.append(
        "Graceless is set in \(configuration.path): Ganesha would begin no grace period. Remove it")
    } else if let configuration, configuration.gracePeriod < length {
      refusals.append(
        "Grace_Period in \(configuration.path) is \(DurationText.text(configuration.gracePeriod)), shorter than "
          + "mirror.grace_period (\(DurationText.text(length))): clients would still be told when reclaims are refused "
          + "already. Let it be as long, and restart Ganesha")
    }
    return RecoveryProcedure(
      actions: [
        .init(
          kind: .startGaneshaGrace,
          why: "by D-Bus; nobody loses a lock by it, and nobody gets a new one while it runs: "
            + RecoveryProcedure.clients(clients)),
        .init(
          kind: .expectGaneshaGrace,
          why: "reclaims are refused unless it runs, and Ganesha begins none where Graceless is set"),
      ], refusals: refusals)
  }
}
