/// An adoption or a release as data: who does what to which service, in which order, and why.
///
/// Every step may be run again from its start, so that a plan that was interrupted in any step is finished by
/// whoever holds the epoch.
public struct Plan: Sendable, Equatable, Codable {
  /// What the plan brings about.
  public enum Kind: String, Sendable, Codable {
    /// The service comes here, with lock recovery.
    case adoption
    /// The service is served here for the first time: no client lost anything, so nothing is recovered.
    case opening
    /// The service goes on here after only the daemon was away. Leaves no history.
    case resumption
    /// The service leaves here.
    case release
    /// The service, which nobody serves, leaves the cluster.
    case closing
  }

  /// What the plan brings about.
  public var kind: Kind
  /// The service.
  public var service: String
  /// The node that runs it.
  public var node: String
  /// The epoch under which it runs.
  public var epoch: UInt64
  /// The owner before, for an adoption.
  public var from: String?
  /// For whom a release is.
  public var to: String?
  /// Why, in words for the history.
  public var because: String
  /// The operator's request that it answers.
  public var request: String?
  /// What the owner key says after the last step.
  public var outcome: Ownership.State
  /// A release after a failed adoption: nobody serves the service meanwhile.
  public var isHandOn: Bool?
  /// An adoption from an owner that did not release it: its machine may still have the address.
  public var formerMayServe: Bool?
  /// The steps in order.
  public var steps: [PlanStep]
}

/// One step of a plan.
public struct PlanStep: Sendable, Equatable, Codable {
  /// What is done.
  public enum Kind: String, Sendable, Codable {
    /// Make sure that the old owner is off.
    case fence
    /// Make the file system available.
    case storage
    /// Make the service's own network namespace and mounts, or take them away.
    case namespace
    /// Put the records into the live status directory.
    case records
    /// Choose and persist the next state number.
    case state
    /// Make the NFS server enter its grace period.
    case server
    /// Take the service address, or give it away.
    case address
    /// Tell the clients.
    case notify
    /// Look whether it is all true.
    case verify
    /// Write down which locks clients hold.
    case inventory
    /// Bring the mirror up to date for the last time.
    case mirror
    /// Remove the clients' records from the store.
    case forget
    /// Write history and hand over.
    case finish
  }

  /// What is done.
  public var kind: Kind
  /// Why, or why not where ``isSkipped``.
  public var why: String
  /// Listed for the reader, not run.
  public var isSkipped: Bool

  /// A step that is run.
  public init(_ kind: Kind, _ why: String) {
    self.kind = kind
    self.why = why
    isSkipped = false
  }

  /// A step that is not needed, and why.
  public static func skipped(_ kind: Kind, _ why: String) -> PlanStep {
    var step = PlanStep(kind, why)
    step.isSkipped = true
    return step
  }
}
