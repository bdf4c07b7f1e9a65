import Cluster
import StatusMonitor

/// The kernel's lock manager, one for each service of a machine: who holds what, and whether a grace period runs.
extension SimulatedWorld {
  /// Stops it where it runs, and starts it with a grace period and no locks.
  mutating func restartLockManager(_ service: ServiceName, on node: NodeName) {
    stopLockManager(service, on: node)
    let ends = clock(node) + shape.mirror.gracePeriod
    let manager = SimulatedLockManager(start: nextNumber(), graceEnds: ends)
    machines[node]?.lockManagers[service] = manager
    note("\(node): the lock manager of \(service) starts, its grace period runs")
    graceBegan(service, on: node)
  }

  /// Starts it, as something that never ran here before, unless it runs.
  mutating func ensureLockManager(_ service: ServiceName, on node: NodeName) {
    guard machines[node]?.lockManagers[service] == nil else { return }
    let manager = SimulatedLockManager(start: nextNumber())
    machines[node]?.lockManagers[service] = manager
  }

  /// Its locks are gone. From Linux 6.4 on it has statd forget everybody first.
  mutating func stopLockManager(_ service: ServiceName, on node: NodeName) {
    guard let manager = machines[node]?.lockManagers[service] else { return }
    machines[node]?.lockManagers[service] = nil
    guard shape.unmonitorsOnStop else { return }
    for client in manager.monitored.sorted() { unmonitor(client, on: node) }
  }

  /// A request for a lock has arrived. lockd has the client monitored before it looks at anything else
  /// (fs/lockd/svc4proc.c, nlm4svc_retrieve_args).
  mutating func onLockRequest(
    _ client: ClientName, _ file: Int, isReclaim: Bool, token: Int, service: ServiceName, on node: NodeName
  ) {
    if let machine = machines[node],
      machine.isServerDown || machine.isStatusMonitorDown || !machine.statusDirectory.isThere
    {
      ledger.services[service]?.hungAt = now
    }
    guard let manager = machines[node]?.lockManagers[service], machines[node]?.isServerDown == false else {
      return
    }
    let start = manager.start
    guard manager.monitored.contains(client) else {
      machines[node]?.lockManagers[service]?.waiting[client, default: 0] += 1
      return monitor(client, service: service, on: node) { world, isMonitored in
        guard world.machines[node]?.lockManagers[service]?.start == start else { return }
        world.machines[node]?.lockManagers[service]?.waiting[client, default: 1] -= 1
        guard isMonitored else { return }
        world.machines[node]?.lockManagers[service]?.monitored.insert(client)
        world.forgetIdleClient(client, service, start: start, on: node)
        world.decideLock(client, file, isReclaim: isReclaim, token: token, service: service, on: node)
      }
    }
    decideLock(client, file, isReclaim: isReclaim, token: token, service: service, on: node)
  }

  private mutating func decideLock(
    _ client: ClientName, _ file: Int, isReclaim: Bool, token: Int, service: ServiceName, on node: NodeName
  ) {
    guard let manager = machines[node]?.lockManagers[service], machines[node]?.isServerDown == false else {
      return
    }
    let inGrace = manager.graceEnds.map { clock(node) < $0 } ?? false
    let answer: LockAnswer
    if isReclaim != inGrace {
      answer = inGrace ? .inGrace : .noGrace
    } else if let holder = manager.locks[file], holder != client {
      answer = .denied
    } else {
      if !isReclaim {
        checkServer(of: service, grants: client, on: node)
        if manager.locks[file] == nil { checkGrant(of: file, to: client, service: service, on: node) }
      }
      machines[node]?.lockManagers[service]?.locks[file] = client
      answer = .granted
    }
    send(answer, file, token, to: client, from: node, start: manager.start)
  }

  mutating func onUnlockRequest(
    _ client: ClientName, _ file: Int, token: Int, service: ServiceName, on node: NodeName
  ) {
    guard let manager = machines[node]?.lockManagers[service], machines[node]?.isServerDown == false else {
      return
    }
    if manager.locks[file] == client {
      machines[node]?.lockManagers[service]?.locks[file] = nil
      forgetIdleClient(client, service, start: manager.start, on: node)
    }
    send(.granted, file, token, to: client, from: node, start: manager.start)
  }

  /// The client has restarted and says so: whatever it held is free. Where that is heard late, what it has taken or
  /// reclaimed since is among that, and it is not told.
  mutating func onClientRestarted(_ client: ClientName, service: ServiceName, on node: NodeName) {
    guard let manager = machines[node]?.lockManagers[service] else { return }
    for (file, holder) in manager.locks where holder == client {
      machines[node]?.lockManagers[service]?.locks[file] = nil
      clients[client]?.freed[file] = now
    }
    forgetIdleClient(client, service, start: manager.start, on: node)
  }

  /// The kernel forgets a host that holds nothing after a while, and has statd forget it.
  mutating func forgetIdleClient(_ client: ClientName, _ service: ServiceName, start: Int, on node: NodeName)
  {
    let pause = machines[node]?.numbers.number(2_000_000...5_000_000) ?? 0
    schedule(after: pause, onMachine: node) { world in
      guard let manager = world.machines[node]?.lockManagers[service], manager.start == start,
        manager.monitored.contains(client), !manager.locks.values.contains(client)
      else { return }
      guard manager.waiting[client, default: 0] == 0, world.machines[node]?.isStatusMonitorDown == false
      else {
        return world.forgetIdleClient(client, service, start: start, on: node)
      }
      world.machines[node]?.lockManagers[service]?.monitored.remove(client)
      world.unmonitor(client, on: node)
    }
  }
}

/// What a lock manager answers.
enum LockAnswer {
  case granted
  case denied
  /// Only reclaims are taken now.
  case inGrace
  /// Reclaims are not taken any more.
  case noGrace
}
