extension Plan {
  /// The release of `service` by its owner `node`.
  ///
  /// - Parameter outcome: ``Ownership/State/released`` for the next owner, or ``Ownership/State/offline``.
  public static func release(
    of service: ServiceDefinition, by node: NodeName, epoch: UInt64, to target: NodeName?, because: String,
    request: String? = nil, outcome: Ownership.State = .released
  ) -> Plan {
    var steps = [
      service.movesAddress
        ? PlanStep(.address, "no client takes another lock here")
        : .skipped(.address, "no address is configured")
    ]
    if service.listsLocks {
      steps.append(
        service.movesAddress
          ? PlanStep(.inventory, "when all these locks are back, the next owner ends its grace period")
          : .skipped(.inventory, "without an address that moves, clients may go on taking locks here"))
    }
    steps += [
      PlanStep(.mirror, "the last record reaches the store; a stopping server's removals don't"),
      service.withdrawsServer
        ? PlanStep(.server, "its locks and exports let go of the file system")
        : .skipped(.server, "no recovery.withdraw command"),
      service.detachesStorage
        ? PlanStep(.storage, "the next owner may attach it")
        : .skipped(.storage, "no storage.detach command"),
      outcome == .offline ? offline : PlanStep(.finish, "free for \(target?.text ?? "the next candidate")"),
    ]
    if service.isIsolated, let storage = steps.firstIndex(where: { $0.kind == .storage }) {
      let why = "while its mounts stand, they hold the file system"
      steps.insert(PlanStep(.namespace, why), at: storage)
    }
    return Plan(
      kind: .release, service: service.name.text, node: node.text, epoch: epoch, from: node.text,
      to: target?.text, because: because, request: request, outcome: outcome, steps: steps)
  }

  /// Takes `service`, of which nothing runs on `node`, offline: its owner is dead or nobody owns it.
  public static func shelving(
    of service: ServiceDefinition, by node: NodeName, epoch: UInt64, because: String, request: String?
  ) -> Plan {
    let kinds: [PlanStep.Kind] = [.address, .mirror, .server, .storage]
    return Plan(
      kind: .release, service: service.name.text, node: node.text, epoch: epoch, from: node.text, to: nil,
      because: because, request: request, outcome: .offline,
      steps: kinds.map { .skipped($0, "nothing of it runs here") } + [offline])
  }

  /// Takes `service`, which is offline, out of the cluster.
  public static func closing(
    of service: ServiceDefinition, by node: NodeName, epoch: UInt64, forgets: Bool, because: String,
    request: String?
  ) -> Plan {
    Plan(
      kind: .closing, service: service.name.text, node: node.text, epoch: epoch, from: node.text, to: nil,
      because: because, request: request, outcome: .closed,
      steps: [
        forgets
          ? PlanStep(.forget, "its clients are not told any more, whatever they hold")
          : .skipped(.forget, "the records are kept for the next opening"),
        PlanStep(.finish, "closed: nobody serves it before it is opened again"),
      ])
  }

  private static let offline = PlanStep(.finish, "offline: nobody adopts it before it is asked for")
}
