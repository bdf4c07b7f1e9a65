import Cluster
import StatusMonitor

/// NFS clients: they take, hold, reclaim and give back locks by the protocol's rules.
extension SimulatedWorld {
  /// What a client does from one moment to the next.
  mutating func live(_ client: ClientName) {
    guard let state = clients[client] else { return }
    let pause = state.numbers.number(300_000...2_500_000)
    let file = state.numbers.number(0...shape.files - 1)
    let wants = state.numbers.number(0...99)
    let rests =
      shape.areClientsRestless && !state.isSteady
      ? wants < 14 ? state.numbers.number(8_000_000...20_000_000) : 0
      : wants < 4 ? state.numbers.number(8_000_000...30_000_000) : 0
    schedule(after: pause, onClient: client) { $0.live(client) }
    if rests > 0, state.restsUntil < now, !isCalm {
      note("\(client) gives everything back and rests")
      clients[client]?.restsUntil = now + rests
      for file in state.locks.sorted() { ask(client, file, .unlock) }
      return
    }
    guard state.requests[file] == nil else { return }
    if state.isSteady, !state.locks.isEmpty, wants < 98 { return }
    if state.locks.contains(file) {
      if wants > 70 || state.restsUntil > now { ask(client, file, .unlock) }
    } else if state.restsUntil <= now {
      ask(client, file, .lock)
    }
  }

  private mutating func ask(_ client: ClientName, _ file: Int, _ kind: SimulatedClient.Request.Kind) {
    let token = nextNumber()
    clients[client]?.requests[file] = .init(kind: kind, token: token)
    send(client, file, token)
  }

  /// Sent again until it is answered.
  private mutating func send(_ client: ClientName, _ file: Int, _ token: Int) {
    guard let state = clients[client], let request = state.requests[file], request.token == token else {
      return
    }
    let delay = state.numbers.number(200...10_000)
    let again = state.numbers.number(800_000...1_600_000)
    schedule(after: delay) { $0.deliver(client, file, request) }
    schedule(after: again, onClient: client) { $0.send(client, file, token) }
  }

  private mutating func deliver(_ client: ClientName, _ file: Int, _ request: SimulatedClient.Request) {
    guard let state = clients[client], let node = server(of: state.service), reaches(client, node),
      state.requests[file]?.token == request.token
    else { return }
    let service = state.service
    schedule(after: 0, onMachine: node) { world in
      switch request.kind {
      case .unlock: world.onUnlockRequest(client, file, token: request.token, service: service, on: node)
      case .lock, .reclaim:
        world.onLockRequest(
          client, file, isReclaim: request.kind == .reclaim, token: request.token, service: service, on: node)
      }
    }
  }

  /// Whose machine answers at the service's address: the one that announced it last.
  func server(of service: ServiceName) -> NodeName? {
    var last: (node: NodeName, since: Int)?
    for (node, machine) in machines.members where machine.isOn {
      guard let since = machine.addresses[service] else { continue }
      if let last, (last.since, last.node) > (since, node) { continue }
      last = (node, since)
    }
    return last?.node
  }

  func reaches(_ client: ClientName, _ node: NodeName) -> Bool {
    clients[client]?.isCut == false && clients[client]?.isOn == true
      && machines[node]?.isCutFromClients == false
  }

  /// A lock manager's answer.
  mutating func send(
    _ answer: LockAnswer, _ file: Int, _ token: Int, to client: ClientName, from node: NodeName, start: Int
  ) {
    let delay = machines[node]?.numbers.number(200...10_000) ?? 0
    let grant = SimulatedClient.Grant(start: start, at: now)
    schedule(after: delay, onClient: client) { world in
      guard world.reaches(client, node), let request = world.clients[client]?.requests[file],
        request.token == token
      else { return }
      switch (request.kind, answer) {
      case (.lock, .inGrace), (.reclaim, .inGrace): return
      case (.lock, .granted), (.reclaim, .granted):
        world.clients[client]?.locks.insert(file)
        world.clients[client]?.granted[file] = grant
        // Freed while the answer was under way, it stays so.
        if let freedAt = world.clients[client]?.freed[file], freedAt <= grant.at {
          world.clients[client]?.freed[file] = nil
        }
      case (.reclaim, _):
        // It is told that the lock is lost (fs/lockd/clntproc.c, nlmclnt_reclaim).
        world.note("\(client) has lost its lock on file \(file): \(answer)")
        world.clients[client]?.locks.remove(file)
        world.ledger.locksLost += 1
      case (.unlock, _): world.clients[client]?.locks.remove(file)
      case (.lock, .denied), (.lock, .noGrace): break
      }
      world.clients[client]?.requests[file] = nil
    }
  }

  /// SM_NOTIFY has come. A number that the client has seen means nothing to it.
  mutating func onNotify(_ client: ClientName, number: Int32, start: Int, service: ServiceName) {
    guard let state = clients[client], state.service == service else { return }
    checkNumber(number, start: start, told: client, service)
    guard state.knownState != number else { return }
    clients[client]?.knownState = number
    guard !state.locks.isEmpty else { return }
    note("\(client) is told \(number) and reclaims \(state.locks.count) locks")
    // What it is giving back is no longer on its list (nlmclnt_unlock takes it off first).
    for file in state.locks.sorted() where state.believesToHold(file) { ask(client, file, .reclaim) }
  }

  // MARK: - What happens to clients

  mutating func reboot(_ client: ClientName, after pause: Int) {
    guard clients[client]?.isOn == true else { return }
    note("\(client) is off for \(pause / 1000) ms")
    clients[client]?.life += 1
    clients[client]?.isOn = false
    clients[client]?.locks = []
    clients[client]?.granted = [:]
    clients[client]?.freed = [:]
    clients[client]?.requests = [:]
    clients[client]?.knownState = nil
    clients[client]?.heard = [:]
    clients[client]?.lastAway = now
    schedule(after: pause, onClient: client) { world in
      world.note("\(client) boots")
      world.clients[client]?.isOn = true
      world.clients[client]?.lastAway = world.now
      world.sayRestarted(client)
      world.live(client)
    }
  }

  /// Its own SM_NOTIFY: said until it is heard.
  private mutating func sayRestarted(_ client: ClientName) {
    guard let service = clients[client]?.service else { return }
    if let node = server(of: service), reaches(client, node), machines[node]?.lockManagers[service] != nil,
      machines[node]?.isStatusMonitorDown == false
    {
      schedule(after: 1_000, onMachine: node) { $0.onClientRestarted(client, service: service, on: node) }
    } else {
      schedule(after: 1_000_000, onClient: client) { $0.sayRestarted(client) }
    }
  }
}
