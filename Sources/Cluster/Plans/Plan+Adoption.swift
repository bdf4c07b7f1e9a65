/// What the old owner is to an adoption.
public enum FormerOwner: Sendable, Equatable {
  /// There was none: the service is opened for the first time.
  case none
  /// It released the service and holds nothing any more.
  case released(NodeName)
  /// It is this very node, after a reboot or after it had given the service up.
  case here(NodeName)
  /// It did not release: it may still run.
  case unaccounted(NodeName, fenceConfirmedByOperator: Bool)

  /// Who has to be fenced, `owed` by earlier claims among them.
  public func unfenced(_ service: ServiceDefinition, owed: [NodeName]) -> [NodeName] {
    guard service.hasFence else { return [] }
    guard case .unaccounted(let old, let confirmed) = self else { return owed }
    let others = owed.filter { $0 != old }
    return confirmed ? others : others + [old]
  }

  var node: NodeName? {
    switch self {
    case .none: nil
    case .released(let node), .here(let node), .unaccounted(let node, _): node
    }
  }
}

extension Plan {
  /// The adoption of `service` by `node`.
  ///
  /// The order is that of facts learnt from the kernel: nothing is attached before the old owner is known to
  /// be off; grace runs before the address answers, or another client could take a lock that is not yet
  /// reclaimed; clients are told last, when whoever they call back is ready (RFC 1813 section 4, NSM
  /// specification of X/Open XNFS chapter 11).
  public static func adoption(
    of service: ServiceDefinition, by node: NodeName, epoch: UInt64, from former: FormerOwner,
    because: String, request: String? = nil, owed: [NodeName] = []
  ) -> Plan {
    var steps: [PlanStep] = []
    let unfenced = former.unfenced(service, owed: owed).map(\.text).joined(separator: " and ")
    switch former {
    case _ where !unfenced.isEmpty:
      steps.append(PlanStep(.fence, "\(unfenced) did not release it and may still run"))
    case .none:
      steps.append(.skipped(.fence, "nobody owned it before"))
    case .released(let old):
      steps.append(.skipped(.fence, "\(old) released it"))
    case .here:
      steps.append(.skipped(.fence, "the last owner is this node itself"))
    case .unaccounted(let old, let confirmed):
      steps.append(
        confirmed
          ? .skipped(.fence, "the operator confirmed that \(old) is off")
          : .skipped(.fence, "fence: none; nothing proves that \(old) is off"))
    }
    steps.append(storage(service))
    steps += namespace(service)
    steps.append(
      PlanStep(
        .records,
        service.isIsolated
          ? "its own status directory has its clients' records and no others"
          : "the records join those of this node's status directory"))
    steps.append(PlanStep(.state, "clients ignore a state number that they have seen"))
    steps.append(server(service))
    steps.append(takeAddress(service))
    steps.append(PlanStep(.notify, "clients reclaim when they are told that the server restarted"))
    steps.append(PlanStep(.verify, "a step that can't show its effect has failed"))
    steps.append(PlanStep(.finish, "online, and written into the history"))
    var plan = Plan(
      kind: .adoption, service: service.name.text, node: node.text, epoch: epoch, from: former.node?.text,
      to: node.text, because: because, request: request, outcome: .online, steps: steps)
    if case .unaccounted = former { plan.formerMayServe = true }
    if !unfenced.isEmpty { plan.formerMayServe = true }
    return plan
  }

  /// The first opening of `service`.
  public static func opening(
    of service: ServiceDefinition, by node: NodeName, because: String, request: String? = nil
  ) -> Plan {
    let steps = [
      [storage(service)], namespace(service),
      [
        service.isIsolated
          ? PlanStep(.server, "an NFS server and a status monitor of its own")
          : service.recoversServer
            ? PlanStep(.server, "the NFS server takes up the service, unless clients hold locks here already")
            : .skipped(.server, "no recovery.server command"),
        takeAddress(service),
        PlanStep(.verify, "a step that can't show its effect has failed"),
        PlanStep(.finish, "online"),
      ],
    ].flatMap { $0 }
    return Plan(
      kind: .opening, service: service.name.text, node: node.text, epoch: 1, from: nil, to: node.text,
      because: because, request: request, outcome: .online, steps: steps)
  }

  /// Going on with `service` after only the daemon was away.
  public static func resumption(of service: ServiceDefinition, by node: NodeName, epoch: UInt64) -> Plan {
    let steps = [
      takeAddress(service),
      PlanStep(.notify, "clients that the last adoption has not told yet are told"),
      PlanStep(.verify, "a step that can't show its effect has failed"),
      PlanStep(.finish, "online"),
    ]
    return Plan(
      kind: .resumption, service: service.name.text, node: node.text, epoch: epoch, from: nil, to: node.text,
      because: "the daemon started again", request: nil, outcome: .online, steps: steps)
  }

  /// Undoes what an adoption by `node` that failed at `step` has brought about, for `target` to try, or for whoever is
  /// elected.
  public static func handOn(
    of service: ServiceDefinition, by node: NodeName, epoch: UInt64, to target: NodeName?,
    failedAt step: PlanStep.Kind, because: String
  ) -> Plan {
    var plan = release(of: service, by: node, epoch: epoch, to: target, because: because)
    plan.isHandOn = true
    // Its clients had no time to reclaim: what the lock manager holds is not what they hold.
    plan.steps = plan.steps.map {
      $0.kind == .inventory ? .skipped(.inventory, "its clients have not reclaimed their locks here") : $0
    }
    if [.storage, .namespace, .records].contains(step) {
      plan.steps = plan.steps.map {
        $0.kind == .mirror ? .skipped(.mirror, "no client was recorded here since the adoption began") : $0
      }
    }
    return plan
  }

  private static func storage(_ service: ServiceDefinition) -> PlanStep {
    service.attachesStorage
      ? PlanStep(.storage, "the file system is needed before its exports")
      : .skipped(.storage, "no storage.attach command")
  }

  /// After the storage: the service's mounts are a copy of this node's, and its exports must be among them.
  private static func namespace(_ service: ServiceDefinition) -> [PlanStep] {
    service.isIsolated
      ? [PlanStep(.namespace, "whatever it does, this node's other clients notice nothing of it")] : []
  }

  private static func server(_ service: ServiceDefinition) -> PlanStep {
    if service.isIsolated {
      return PlanStep(.server, "reclaims are refused unless a grace period runs; this one is its own")
    }
    if service.recoversServer { return PlanStep(.server, "reclaims are refused unless a grace period runs") }
    return service.tellsWithoutGrace
      ? .skipped(.server, "recovery.without_grace: tell; the operator sees to the grace period")
      : PlanStep(.server, "no recovery.server begins a grace period: one must run here already")
  }

  private static func takeAddress(_ service: ServiceDefinition) -> PlanStep {
    service.movesAddress
      ? PlanStep(.address, "clients talk to this address wherever the service is")
      : .skipped(.address, "no address is configured")
  }
}
