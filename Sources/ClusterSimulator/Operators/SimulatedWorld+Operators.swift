import Cluster

/// What operators do.
extension SimulatedWorld {
  mutating func operate(_ fault: Fault) {
    let (service, node) = (fault.service, fault.node)
    switch fault.kind {
    case .order, .forcedOrder: order(service, to: node, isForced: fault.kind == .forcedOrder)
    case .thaw:
      if let owner = store.ownership(service)?.node, machines[owner]?.instance != nil {
        thaw(service, on: owner)
      }
    case .notifyAgain:
      if let owner = store.ownership(service)?.node { notifyAgain(service, on: owner) }
    case .unhold: unhold(service)
    case .failback: ask(service, .failback)
    case .offline: ask(service, .offline)
    case .online: ask(service, .online)
    case .cancel: cancel(service, fault.amount, by: node)
    case .pause: pauseCluster(for: fault.length)
    case .drain: drain(node, for: fault.length)
    case .definitionsDiffer:
      let peers = shape.nodes.filter { $0 != node }
      during(fault.length) { world, isOn in
        for peer in peers {
          world.machines[node]?.instance?.onDefinitions(
            of: peer, disagreements: isOn ? [service: ["candidates"]] : [:])
        }
      }
    default: break
    }
  }

  /// Its automatic adoptions are forgotten.
  mutating func unhold(_ service: ServiceName) {
    guard var ownership = store.ownership(service), !ownership.automatic.isEmpty else { return }
    ownership.automatic = []
    store.set(service, ownership)
  }

  private mutating func order(_ service: ServiceName, to target: NodeName, isForced: Bool) {
    var request = ServiceRequest(
      id: "m-\(nextNumber())", .migrate(to: target), isForced: isForced, actor: "operator", because: "",
      askedAt: "")
    // An operator confirms only what is so, and keeps it so.
    if isForced, let owner = store.ownership(service)?.node, owner != target, machines[owner]?.isOn == false,
      store.queue(service).first == nil
    {
      request.fenceConfirmed = true
      keptOff[owner] = service
    }
    ask(request, service)
  }

  mutating func ask(_ service: ServiceName, _ action: ServiceRequest.Action) {
    ask(
      ServiceRequest(id: "m-\(nextNumber())", action, actor: "operator", because: "", askedAt: ""), service)
  }

  /// Few wait at a time: an operator looks what became of the last one first.
  private mutating func ask(_ request: ServiceRequest, _ service: ServiceName) {
    guard store.queue(service).requests.count < 3,
      store.owners[service] == nil || store.ownership(service) != nil,
      store.requests[service] == nil || store.queue(service).first != nil
    else { return }
    store.ask(request, service)
    note("an operator asks for \(service) (\(request.id)): \(request.action)")
    ledger.asked[service, default: []].append(request.id)
  }

  /// `lockferry service cancel`, as the daemon of `node` does it: under the queue and the owner key that it has read.
  private mutating func cancel(_ service: ServiceName, _ choice: Int, by node: NodeName) {
    guard machines[node]?.instance != nil else { return }
    call(from: node, .read, { ($0.store.requests[service], $0.store.owners[service]) }) { world, seen in
      guard let (bytes, owner) = seen, let queue = bytes.flatMap(RequestQueue.init(bytes:)),
        !queue.requests.isEmpty
      else { return }
      let request = queue.requests[choice % queue.requests.count]
      guard queue.whyNotCancel(request.id, owner.flatMap(Ownership.init(bytes:))) == nil else { return }
      let end = RequestEnd(
        service: service, request: request, owner: owner, outcome: .cancelled("an operator"))
      world.call(
        from: node, .write,
        { if $0.store.requests[service] == bytes { $0.end(end, by: node) } }
      ) { _, _ in }
    }
  }

  private mutating func pauseCluster(for length: Int) {
    let mark = OperatorMark(actor: "operator", because: "", since: "").bytes
    during(length) { $0.store.pause = $1 ? mark : nil }
  }

  private mutating func drain(_ node: NodeName, for length: Int) {
    let mark = OperatorMark(actor: "operator", because: "", since: "").bytes
    during(length) { $0.store.drains[node] = $1 ? mark : nil }
  }

  /// A confirmed order that is gone lets its machine go on.
  mutating func letGo() {
    for node in shape.nodes {
      guard let service = keptOff[node], store.queue(service).first?.fenceConfirmed != true else { continue }
      keptOff[node] = nil
      powerOn(node)
    }
  }

  /// What operators have stopped is asked for again.
  mutating func bringOnline() {
    for service in services.map(\.name) where store.ownership(service)?.state == .offline {
      if store.queue(service).requests.isEmpty { ask(service, .online) }
    }
  }
}
