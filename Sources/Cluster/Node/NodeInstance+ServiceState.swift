/// What a node keeps of each service.
extension NodeInstance {
  /// What this node does with a service.
  enum Activity: Equatable {
    /// Nothing; somebody else's, or nobody's.
    case none
    /// A claim is under way.
    case claiming
    /// Served, and the transition to its release is under way.
    case lettingGo
    /// A plan of this kind runs.
    case plan(Plan.Kind)
    /// Served, nothing to do.
    case serving
    /// Still the owner by the store, but has stopped serving because the lease could not be renewed.
    case givenUp
    /// An adoption has failed here, and another candidate shall try.
    case handingOn

    var isServing: Bool {
      switch self {
      case .plan, .serving, .lettingGo, .handingOn: true
      case .none, .claiming, .givenUp: false
      }
    }

    /// Clients are served, and nothing is under way.
    var isUp: Bool { self == .serving }
  }

  struct ServiceState {
    let definition: ServiceDefinition
    var activity = Activity.none {
      didSet {
        if activity.isUp, !oldValue.isUp { transitions.came += 1 }
        if !activity.isUp, oldValue.isUp { transitions.left += 1 }
        if activity != oldValue { tellBy = nil }
      }
    }
    /// How often it came into service or left it here since the daemon began.
    private(set) var transitions = ServiceTransitions()
    /// Since when it is served here; nil while it is not.
    var servedSince: BootInstant?
    /// The owner key as last known.
    var ownerBytes: [UInt8]?
    var ownership: Ownership?
    var hasBeenSeen = false
    /// A daemon before this one may have left it running on this machine: as long as that is not settled, it
    /// ends with the lease like what is served.
    var mayBeLeftOver = true
    /// A release goes on though the lease is over: what it serves is withdrawn already.
    var hasWithdrawn = false
    /// It was withdrawn here since it was last adopted: its locks are gone, whatever the owner key says meanwhile.
    var needsRecovery = false
    /// When this node last changed the owner key: a look that began earlier is out of date.
    var changedAt: BootInstant?
    /// `services/<service>/requests` as last known; empty where it can't be read.
    var requests = RequestQueue()
    var requestBytes: [UInt8]?
    var canReadRequests = true
    /// Whose turn it is.
    var request: ServiceRequest? { requests.first }
    /// Which request's turn it is, and since when this node knows.
    var turn: (id: String, since: BootInstant)?
    /// The request for which the running plan was made.
    var planRequest: String?
    /// A request that could not be carried out, and why: told again until its end is in the store.
    var failedRequest: (id: String, problem: String)?
    /// Transitions that failed one after the other.
    var failedAttempts = 0
    var nextAttemptAt: BootInstant?
    /// What the operator's checks found on this node; nil before they have answered.
    var checkProblems: [String]?
    /// What was heard of its owner while that is silent.
    var witness = Witness()
    /// This node's part in a vote; nil while there is none.
    var ballot: Ballot?
    /// Until then the running adoption has to tell its clients; nil while no grace period waits for that.
    var tellBy: BootInstant?
    /// When this node first saw the owner's epoch.
    var epochSeenAt: BootInstant?
    /// The step of its plan that fails.
    var failing: FailingStep?
    /// Why the adoption was given up here.
    var handOnProblem: String?
  }
}

extension NodeInstance.ServiceState {
  var nextEpoch: UInt64 { (ownership?.epoch ?? 0) + 1 }

  /// Whom `claimant` has to fence for claimants before it.
  func owedFences(by claimant: NodeName) -> [NodeName] {
    ownership?.unfenced.filter { $0 != claimant } ?? []
  }
}
