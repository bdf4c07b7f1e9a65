/// What the shell shall do for a node, in the order given.
public enum NodeDirective: Sendable, Equatable {
  /// Write the beat, and report by ``NodeInstance/onRenewal(_:sentAt:now:)``.
  case renew(Renewal)
  /// Read the store, and report by ``NodeInstance/onLook(_:now:)``.
  case look
  /// Change the owner key, and report by ``NodeInstance/onTransition(_:_:now:)``.
  case transition(Transition)
  /// Run the plan; its journal is in the store. Report by ``NodeInstance/onPlanEnded(_:_:now:)``.
  case run(Plan)
  /// Read the plan's journal and run what is left of it, or all of it where the steps that were done can't
  /// be trusted to hold any more; where there is none that fits, report by
  /// ``NodeInstance/onNoJournal(_:now:)``.
  case resumePlan(ServiceName, epoch: UInt64, fromStart: Bool)
  /// Let the service's plan go no further.
  case stopPlan(ServiceName)
  /// Stop serving at once, whatever the store says: address away, server command.
  case withdraw(ServiceName, because: String)
  /// Take the request from the queue and write its end into the history. What becomes of it is seen at the next
  /// look.
  case endRequest(RequestEnd)
  /// Ask whoever can be asked whether the owner serves the service, and report by
  /// ``NodeInstance/onWitness(_:of:_:now:)``, also where there is nobody.
  case askWitness(ServiceName, owner: NodeName)
  /// Write this node's bid with its load, where the owner key is as seen, and report by
  /// ``NodeInstance/onBid(_:load:_:now:)``.
  case placeBid(BidPlacement)
  /// Remove this node's bid. It does no harm where it stays.
  case withdrawBid(ServiceName, epoch: UInt64)
  /// End the daemon with this error.
  case refuse(String)
  /// Tell the operator.
  case note(String)
}

/// A beat and what must hold for it to count.
public struct Renewal: Sendable, Equatable {
  /// This node's beat as last known, nil where there is none.
  public var expectedBeat: [UInt8]?
  /// The new beat.
  public var beat: [UInt8]
  /// The owner keys of everything that is served here: a beat renews the lease of all of them or none.
  public var owners: [ServiceName: [UInt8]]
}

/// How a renewal ended.
public enum RenewalOutcome: Sendable, Equatable {
  /// The lease is renewed.
  case renewed
  /// The node's own beat is not what it should be.
  case foreignBeat(actual: [UInt8]?)
  /// A service is no longer owned as it should be.
  case ownerChanged(ServiceName, actual: [UInt8]?)
  /// Not known to have happened.
  case failed(String)
}

/// A compare-and-set of a service's owner key, with the plan's journal in the same transaction.
public struct Transition: Sendable, Equatable {
  /// The service.
  public var service: ServiceName
  /// The owner key as seen; nil where it must be absent.
  public var expected: [UInt8]?
  /// For an unplanned claim: the old owner's beat as seen. One more beat of it and the claim fails.
  public var silentBeat: SilentBeat?
  /// Nobody asked for it by name: `config/pause` must be absent.
  public var unlessPaused = false
  /// The service comes here from elsewhere: `nodes/<this node>/drain` must be absent.
  public var unlessDrained = false
  /// Of a plan that answers a request: `services/<service>/requests` as seen, so that what was cancelled meanwhile is
  /// not carried out; nil where it is not compared.
  public var requests: [UInt8]?
  /// The bids of its epoch go with it: `services/<service>/bids/<epoch>/<node>` of every candidate.
  public var removesBids = false
  /// The new owner.
  public var ownership: Ownership
  /// The plan that follows.
  public var plan: Plan

  /// A beat that must not have changed.
  public struct SilentBeat: Sendable, Equatable {
    /// Whose.
    public var node: NodeName
    /// As seen.
    public var bytes: [UInt8]?
  }
}

/// How a transition ended.
public enum TransitionOutcome: Sendable, Equatable {
  /// This node owns the service in the new state.
  case done
  /// Somebody was faster, or the old owner lives.
  case conflict
  /// Not known to have happened.
  case failed(String)
}

/// How a plan ended.
public enum PlanOutcome: Sendable, Equatable {
  /// All steps are done; the owner key now holds this.
  case done(Ownership)
  /// A release that could not go on.
  case gaveUp(String)
  /// An adoption that fails here in a step that another candidate may be able to do.
  case handOn(String)
  /// An adoption whose earlier steps don't hold any more: it is withdrawn and run again from its start.
  case beginAnew(String)
  /// The epoch is another's.
  case lost
  /// It was told to stop.
  case stopped
}
