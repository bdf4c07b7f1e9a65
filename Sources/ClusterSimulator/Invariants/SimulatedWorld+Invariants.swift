import Cluster
import StatusMonitor

/// The checks: each looks only at what an event has touched.
extension SimulatedWorld {
  mutating func violate(_ invariant: Invariant, _ text: String) {
    guard ledger.violation == nil else { return }
    // Nothing holds any more from here on: the run has told what it could.
    if ledger.restoredAt != nil { permit(.storeRestored) }
    ledger.violation = Violation(
      invariant: invariant, at: now / 1000, text: text, isPermitted: ledger.restoredAt != nil)
    note("BROKEN: \(invariant.rawValue): \(text)")
  }

  private mutating func permit(_ permission: Permission) { ledger.permissions[permission, default: 0] += 1 }

  // MARK: - One server

  /// `node` begins to serve, or to claim, and nobody else serves any more.
  mutating func expectNobodyElse(serves service: ServiceName, than node: NodeName, _ what: String) {
    ledger.checks += 1
    // A fence closes what leases leave open, before the address is taken.
    let isFenced = services.contains { $0.name == service && $0.hasFence } && what.contains("takes")
    for other in shape.nodes where other != node {
      guard let machine = machines[other], machine.holds(service) else { continue }
      // It was paused in the middle of a step that it had the right to begin.
      let isExcused = machine.excusedUntil >= now || (machines[node]?.excusedUntil ?? 0) >= now
      if !isFenced, isExcused {
        permit(.unfencedOwner)
        continue
      }
      violate(.oneServer, "\(node) \(what) \(service) while \(other) serves it")
    }
  }

  /// Of those who could have stopped, one at most serves.
  mutating func checkHolders(of service: ServiceName) {
    ledger.checks += 1
    var holders: [NodeName] = []
    for (node, machine) in machines.members where machine.holds(service) && machine.excusedUntil < now {
      holders.append(node)
    }
    if holders.count > 1 { violate(.oneServer, "\(holders.sorted()) serve \(service)") }
  }

  // MARK: - Owner keys

  mutating func ownerChanged(_ service: ServiceName, from before: Ownership?) {
    ledger.checks += 1
    guard let after = store.ownership(service) else { return }
    guard let before else {
      if after.epoch != 1 { violate(.epochsGrow, "\(service) begins with \(after)") }
      return
    }
    let isSame = before.epoch == after.epoch && before.node == after.node
    if !isSame, after.epoch != before.epoch + 1 {
      violate(.epochsGrow, "\(service): \(before) was followed by \(after)")
    }
    if before.state == .released, isSame, after.state != .released {
      violate(.epochsGrow, "\(service): \(before) came back as \(after)")
    }
  }

  mutating func claimed(_ service: ServiceName, by node: NodeName, plan: Plan) {
    ledger.claims += 1
    ledger.services[service]?.toTell = Set((store.records[service] ?? [:]).keys)
    if store.pause != nil, plan.request == nil, plan.kind == .adoption, plan.from != node.text {
      violate(.pauseHolds, "\(node) takes \(service) from \(plan.from ?? "nobody"): \(plan.because)")
    }
    if plan.because.contains("missed") { expectNobodyElse(serves: service, than: node, "claims") }
  }

  // MARK: - Locks

  mutating func graceBegan(_ service: ServiceName, on node: NodeName) {
    ledger.services[service]?.graceBegan = now
    ledger.services[service]?.toTell.formUnion((store.records[service] ?? [:]).keys)
    ledger.services[service]?.restartOutside = nil
  }

  /// Nobody grants a lock, or says once more that it is granted, but the owner.
  mutating func checkServer(of service: ServiceName, grants client: ClientName, on node: NodeName) {
    guard let owner = store.ownership(service)?.node, owner != node else { return }
    ledger.tainted.insert(client)
    guard machines[node].map({ $0.excusedUntil >= now }) == true else {
      return violate(.oneServer, "\(node) grants a lock of \(service), which \(owner) owns")
    }
    permit(.unfencedOwner)
  }

  /// A lock is about to be granted that is no reclaim.
  mutating func checkGrant(of file: Int, to client: ClientName, service: ServiceName, on node: NodeName) {
    ledger.checks += 1
    ledger.locksGranted += 1
    for (name, other) in clients.members where name != client {
      guard other.isOn, other.service == service, other.believesToHold(file)
      else { continue }
      if let permission = permission(for: name, file, of: service, against: client) {
        permit(permission)
        continue
      }
      violate(
        .noLockTwice, "\(node) grants \(client) file \(file) of \(service), which \(name) believes to hold")
    }
  }

  /// Why `client` may have lost its lock on `file`, or where that is nil its record, without having been told.
  private func permission(
    for client: ClientName, _ file: Int? = nil, of service: ServiceName, against rival: ClientName? = nil
  ) -> Permission? {
    guard let state = clients[client], let facts = ledger.services[service] else { return nil }
    if ledger.tainted.contains(client) || rival.map(ledger.tainted.contains) == true { return .unfencedOwner }
    if let file, wasLostOutside(file, client, of: service) { return .restartedOutside }
    if let file, state.freed[file] != nil { return .clientRestarted }
    if !facts.toTell.contains(client) { return .notDurableYet }
    // A lock that it was granted since is not lost because of that.
    let wasAway = state.lastAway >= max(facts.graceBegan, file.flatMap { state.granted[$0]?.at } ?? -1)
    if state.isCut || wasAway { return .clientAway }
    if let server = server(of: service).flatMap({ machines[$0] }),
      server.isCutFromClients || server.notices != NoticeTrouble()
    {
      return .clientAway
    }
    if facts.hungAt >= facts.graceBegan { return .serverHung }
    if facts.interruptedAt >= facts.graceBegan { return .adoptionInterrupted }
    return nil
  }

  /// The client's lock was gone with a restart that was nobody's plan, and nobody has told the client since.
  private func wasLostOutside(_ file: Int, _ client: ClientName, of service: ServiceName) -> Bool {
    guard let restart = ledger.services[service]?.restartOutside,
      restart.locks[file]?.contains(client) == true,
      let state = clients[client], let granted = state.granted[file], granted.start < restart.start
    else { return false }
    return !state.heard.values.contains(restart.start)
  }

  mutating func checkNumber(_ number: Int32, start: Int, told client: ClientName, _ service: ServiceName) {
    ledger.checks += 1
    ledger.clientsTold += 1
    if let first = clients[client]?.heard[number], first != start {
      violate(.newNumbers, "\(client) of \(service) is told \(number) again, for another start of the server")
    }
    clients[client]?.heard[number] = start
  }

  // MARK: - Records

  /// A batch brings a record.
  mutating func recordReturns(
    _ record: [UInt8], _ client: ClientName, _ service: ServiceName, sentAt: Int, from node: NodeName
  ) {
    ledger.checks += 1
    guard let departed = ledger.departed[service] else { return }
    for registration in SimulatedRecord.registrations(in: record) {
      guard let at = departed[registration] else { continue }
      if sentAt < at {
        violate(
          .departedStaysGone,
          "\(node) brings \(client) of \(service) back by a write older than its departure")
      }
      ledger.recordsReturned += 1
    }
  }

  /// A batch deletes a record.
  mutating func recordLeaves(_ client: ClientName, _ service: ServiceName, sentAt: Int, from node: NodeName) {
    ledger.checks += 1
    ledger.deletions += 1
    for registration in SimulatedRecord.registrations(in: store.records[service]?[client] ?? []) {
      ledger.departed[service, default: [:]][registration] = now
    }
    guard let state = clients[client], state.service == service, state.isOn else { return }
    let held = state.locks.filter(state.believesToHold)
    guard !held.isEmpty, state.registeredAt < sentAt else { return }
    let manager = machines[node]?.lockManagers[service]
    // What its server has forgotten it may have lost before, with permission; but not because somebody restarted it, unless
    // it has come and gone since. As long as the kernel has it monitored it registers no more, and has not gone.
    let lost = held.first { wasLostOutside($0, client, of: service) || state.freed[$0] != nil }
    let hasNotComeSince = state.registeredAt < ledger.services[service]?.restartOutside?.at ?? 0
    let isHeld =
      manager?.monitored.contains(client) == true || held.contains { manager?.locks[$0] == client }
      || held.contains { wasLostOutside($0, client, of: service) } && hasNotComeSince
    if !isHeld, let permission = permission(for: client, lost, of: service) { return permit(permission) }
    violate(.recordIsKept, "\(node) deletes the record of \(client), which holds locks of \(service)")
  }

  /// statd's callout is told that a record is durable.
  mutating func checkIsStored(
    _ registration: Int, of client: ClientName, _ service: ServiceName, on node: NodeName
  ) {
    ledger.checks += 1
    let stored = SimulatedRecord.registrations(in: store.records[service]?[client] ?? [])
    guard stored.contains(where: { $0 >= registration }) else {
      return violate(
        .recordIsKept, "\(node) says that the record of \(client) is in the store for \(service)")
    }
  }

  /// A release says that the last record is in the store.
  mutating func checkIsMirrored(_ service: ServiceName, on node: NodeName) {
    guard let directory = machines[node]?.statusDirectory, directory.isThere else { return }
    for (client, bytes) in directory.files {
      // Whoever has only just come is told of nothing yet.
      guard let state = clients[client], state.service == service, state.registeredAt < now - 100_000 else {
        continue
      }
      ledger.checks += 1
      let stored = SimulatedRecord.registrations(in: store.records[service]?[client] ?? [])
      let missing = SimulatedRecord.registrations(in: bytes).filter { !stored.contains($0) }
      if !missing.isEmpty {
        violate(.recordIsKept, "\(node) releases \(service), and the store has no record of \(client)")
      }
    }
  }

  // MARK: - In the end

  /// When faults have stopped for long enough.
  mutating func checkEnd() {
    for service in services.map(\.name) {
      checkHolders(of: service)
      ledger.checks += 1
      if let (invariant, text) = whyNotServed(service) { violate(invariant, text) }
      guard ledger.violation == nil else { return }
      for orphan in orphans(of: service) {
        ledger.checks += 1
        guard let permission = permission(for: orphan.client, orphan.file, of: service) else {
          violate(
            .toldInTheEnd,
            "\(orphan.client) believes to hold file \(orphan.file) of \(service), and its owner does not know it"
          )
          continue
        }
        permit(permission)
      }
      for client in unrecorded(of: service) {
        ledger.checks += 1
        if ledger.services[service]?.goneUnseen.contains(client) == true {
          permit(.retiredUnseen)
          continue
        }
        violate(.recordIsKept, "\(client) is monitored for \(service), and the store has no record of it")
      }
      ledger.checks += 1
      if let client = differing(of: service) {
        violate(
          .recordIsKept, "the store has not the record of \(client) for \(service) that statd has written")
      }
    }
  }

  /// Nothing is left to wait for.
  var isWell: Bool {
    machines.members.allSatisfy { $0.member.plans.isEmpty && $0.member.withdrawing.isEmpty }
      && services.map(\.name).allSatisfy {
        whyNotServed($0) == nil && orphans(of: $0).isEmpty && unrecorded(of: $0).isEmpty
          && differing(of: $0) == nil
      }
  }

  private func whyNotServed(_ service: ServiceName) -> (Invariant, String)? {
    let holders = machines.members.filter { $0.member.holds(service) }.map(\.name).sorted()
    let owner = store.ownership(service)
    guard let owner, owner.state == .online, holders == [owner.node] else {
      return (.servedInTheEnd, "\(service) belongs to \(String(describing: owner)), \(holders) hold it")
    }
    if machines[owner.node]?.instance?.isServing(service) != true {
      return (.servedInTheEnd, "\(owner.node) does not know that it serves \(service)")
    }
    if machines[owner.node]?.lockManagers[service] == nil {
      return (.servedInTheEnd, "no lock manager runs for \(service)")
    }
    if let request = store.queue(service).first {
      return (.ordersEndOnce, "\(service): the request \(request.id), \(request.action), has not ended")
    }
    let ended = (store.ended[service] ?? []).map(\.id)
    for id in ledger.asked[service] ?? [] {
      let times = ended.count { $0 == id }
      if times != 1 { return (.ordersEndOnce, "\(service): the request \(id) has ended \(times) times") }
    }
    return nil
  }

  /// Locks that a client believes to hold, and that its server does not know.
  private func orphans(of service: ServiceName) -> [(client: ClientName, file: Int)] {
    guard let owner = store.ownership(service)?.node, let manager = machines[owner]?.lockManagers[service]
    else { return [] }
    var found: [(client: ClientName, file: Int)] = []
    for (client, state) in clients.members where state.isOn && state.service == service {
      for file in state.locks.sorted() where state.believesToHold(file) && manager.locks[file] != client {
        found.append((client, file))
      }
    }
    return found
  }

  /// A client that the lock manager has monitored, and of which the store has no record.
  private func unrecorded(of service: ServiceName) -> [ClientName] {
    guard let owner = store.ownership(service)?.node, let manager = machines[owner]?.lockManagers[service]
    else { return [] }
    return manager.monitored.sorted().filter { store.records[service]?[$0] == nil }
  }

  /// Whose file in the owner's status directory is not in the store as it is, byte for byte.
  private func differing(of service: ServiceName) -> ClientName? {
    guard let owner = store.ownership(service)?.node, let directory = machines[owner]?.statusDirectory,
      directory.isThere
    else { return nil }
    return clients.names.first { client in
      // What has just been written is on its way.
      guard let at = clients[client]?.registeredAt, at < now - 1_000_000 else { return false }
      return directory.files[client].map { store.records[service]?[client] != $0 } ?? false
    }
  }
}

extension SimulatedClient {
  /// It would write under this lock.
  func believesToHold(_ file: Int) -> Bool { locks.contains(file) && requests[file]?.kind != .unlock }
}
