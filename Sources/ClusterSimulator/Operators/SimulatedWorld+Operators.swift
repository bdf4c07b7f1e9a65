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
    guard store.order(service).map({ $0.problem != nil }) ?? true else { return }
    let owner = store.ownership(service)?.node
    var order = MigrationOrder(
      id: "m-\(now)", to: target, isForced: isForced, fenceConfirmed: false, actor: "root", because: "a test")
    // An operator confirms only what is so, and keeps it so.
    if isForced, let owner, owner != target, machines[owner]?.isOn == false {
      order.fenceConfirmed = true
      keptOff[owner] = service
    }
    store.orders[service] = order.bytes
  }

  /// A confirmed order that is gone lets its machine go on.
  mutating func letGo() {
    for (node, service) in keptOff where store.order(service)?.fenceConfirmed != true {
      keptOff[node] = nil
      powerOn(node)
    }
  }
}
