/// What lockferry does to a node's NFS server so that a grace period runs, as data: what is done, and why.
public struct RecoveryProcedure: Sendable, Equatable {
  /// One thing that is done, or that must be seen.
  public struct Action: Sendable, Equatable {
    /// What.
    public enum Kind: String, Sendable {
      /// The NFS service is stopped.
      case stopServer = "stop-nfs"
      /// Its lock manager must be down.
      case expectLockManagerDown = "expect-lockd-down"
      /// The length of the next grace period is set.
      case setGrace = "set-grace"
      /// Everything in exports(5) is exported.
      case export
      /// The NFS service is started.
      case startServer = "start-nfs"
      /// lockd gets SIGKILL.
      case killLockManager = "kill-lockd"
      /// NFS-Ganesha begins a grace period.
      case startGaneshaGrace = "start-grace"
      /// It must say that one runs.
      case expectGaneshaGrace = "get-grace"
      /// A grace period must run.
      case expectGrace = "expect-grace"
      /// The status monitor is restarted.
      case restartStatusMonitor = "restart-statd"
    }

    /// What.
    public var kind: Kind
    /// Why.
    public var why: String
  }

  /// What is done, in this order; every one may be done again.
  public var actions: [Action]
  /// Why it can't be done here; empty where it can.
  public var refusals: [String]

  /// `1 client has a record`
  static func clients(_ count: Int) -> String {
    count == 1 ? "1 client has a record" : "\(count) clients have records"
  }
}
