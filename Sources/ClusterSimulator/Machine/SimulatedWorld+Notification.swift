import Cluster
import StatusMonitor

/// Telling clients, as the notifier does: again and again, until each has answered.
extension SimulatedWorld {
  /// Between two rounds.
  private static let pause = 1_500_000
  /// How long an adoption waits for answers before it goes on.
  private static let patience = 3_000_000
  /// How long whoever does not answer is told again.
  private static let retry = 60_000_000

  mutating func notifyClients(
    _ run: PlanRun, on node: NodeName, then: @escaping (inout SimulatedWorld, PlanRun?) -> Void
  ) {
    let service = run.service
    if run.plan.kind == .resumption { return goOnNotifying(run, on: node, then: then) }
    guard let number = run.number else { return then(&self, nil) }
    call(from: node, .read, { $0.seen(by: node).records[service] ?? [:] }) { world, records in
      guard world.runs(run, on: node), let records else { return then(&world, nil) }
      let own = world.clock(node)
      let isInTime =
        world.machines[node]?.instance?.onTelling(service, anybody: !records.isEmpty, now: own) ?? true
      guard isInTime else {
        var late = run
        late.mustBeginAnew = true
        return then(&world, late)
      }
      world.tell(Set(records.keys), number, service, epoch: run.plan.epoch, on: node)
      world.waitForAnswers(run, until: world.now + Self.patience, on: node, then: then)
    }
  }

  private mutating func goOnNotifying(
    _ run: PlanRun, on node: NodeName, then: @escaping (inout SimulatedWorld, PlanRun?) -> Void
  ) {
    let service = run.service
    call(from: node, .read, { $0.seen(by: node).stateNumbers }) { world, numbers in
      guard world.runs(run, on: node), let numbers else { return then(&world, nil) }
      if let number = numbers[service], world.machines[node]?.notifications[service]?.number == number {
        world.tellRound(service, run: world.beginRun(service, on: node), on: node)
      }
      then(&world, run)
    }
  }

  /// Tells `clients` the number; those that a run with the same number has told are told no more.
  mutating func tell(
    _ clients: Set<ClientName>, _ number: Int32, _ service: ServiceName, epoch: UInt64, on node: NodeName
  ) {
    guard let start = machines[node]?.lockManagers[service]?.start else { return }
    if machines[node]?.notifications[service]?.number != number {
      machines[node]?.notifications[service] = SimulatedNotification(
        number: number, epoch: epoch, start: start, left: clients, until: now + Self.retry)
    }
    note("\(node) tells \(clients.count) clients of \(service) number \(number)")
    chronicle?.tells(clients, number, service, epoch: epoch, at: now)
    tellRound(service, run: beginRun(service, on: node), on: node)
  }

  private mutating func beginRun(_ service: ServiceName, on node: NodeName) -> Int {
    let run = nextNumber()
    machines[node]?.notifying[service] = run
    return run
  }

  private mutating func tellRound(_ service: ServiceName, run: Int, on node: NodeName) {
    guard let machine = machines[node], machine.notifying[service] == run,
      let notification = machine.notifications[service], !notification.left.isEmpty, now < notification.until
    else { return }
    for client in notification.left.sorted() { notify(client, notification, service, run: run, on: node) }
    schedule(after: Self.pause, for: node) { $0.tellRound(service, run: run, on: node) }
  }

  /// SM_NOTIFY, from the service's address.
  private mutating func notify(
    _ client: ClientName, _ notification: SimulatedNotification, _ service: ServiceName, run: Int,
    on node: NodeName
  ) {
    guard machines[node]?.holds(service) == true else { return }
    for delay in delays(from: node) {
      schedule(after: delay) { world in
        guard world.clients[client]?.isOn == true, world.reaches(client, node) else { return }
        world.onNotify(client, number: notification.number, start: notification.start, service: service)
        let answer = world.clients[client]?.numbers.number(500...20_000) ?? 0
        world.schedule(after: answer, for: node) { world in
          guard world.machines[node]?.notifying[service] == run else { return }
          world.machines[node]?.notifications[service]?.left.remove(client)
          world.chronicle?.told(client, notification.number, service, at: world.now)
          if world.timings.has(.recordsGoWhenTold) { world.store.records[service]?[client] = nil }
        }
      }
    }
  }

  private mutating func waitForAnswers(
    _ run: PlanRun, until end: Int, on node: NodeName,
    then: @escaping (inout SimulatedWorld, PlanRun?) -> Void
  ) {
    let left = machines[node]?.notifications[run.service]?.left ?? []
    if left.isEmpty || now >= end { return then(&self, run) }
    schedule(after: 100_000, for: node) { $0.waitForAnswers(run, until: end, on: node, then: then) }
  }

  /// `lockferry notify`: all are told again, with a new number.
  mutating func notifyAgain(_ service: ServiceName, on node: NodeName) {
    guard let ownership = store.ownership(service), ownership.node == node, ownership.state == .online,
      let guardBytes = machines[node]?.instance?.ownerBytes(of: service, epoch: ownership.epoch),
      let manager = machines[node]?.lockManagers[service], let ends = manager.graceEnds, clock(node) < ends
    else { return }
    call(
      from: node, .write,
      { world -> Int32? in
        guard world.store.owners[service] == guardBytes else { return nil }
        let local = world.machines[node]?.statusDirectory.number
        let seen = [world.store.stateNumbers[service], local].compactMap { $0.flatMap(StateNumber.init) }
        guard let next = NotificationAttempt.new(above: seen).number?.value else { return nil }
        world.store.stateNumbers[service] = next
        world.machines[node]?.statusDirectory.number = max(local ?? 1, next)
        return next
      }
    ) { world, number in
      guard let number = number ?? nil, world.machines[node]?.lockManagers[service]?.start == manager.start
      else { return }
      let records = world.store.records[service] ?? [:]
      world.tell(Set(records.keys), number, service, epoch: ownership.epoch, on: node)
    }
  }
}
