import Cluster
import StatusMonitor

/// What each fault does, and how it ends.
extension SimulatedWorld {
  mutating func strike(_ fault: Fault) {
    guard !isCalm else { return }
    announce("— \(fault)")
    let (node, length) = (fault.node, fault.length)
    switch fault.kind {
    case .powerCut, .reset: losePower(node, for: fault.kind == .reset ? 300_000 : length)
    case .everyMachineLosesPower:
      for node in shape.nodes {
        losePower(node, for: length + (machines[node]?.numbers.number(0...2_000_000) ?? 0))
      }
    case .machinePause: pause(node, for: length)
    case .guestPause: pauseGuest(node, for: length)
    case .clockDrift: drift(node, by: fault.amount * 98 - 4_900)
    case .wallClockStep: break
    case .daemonKill: kill(node, for: length)
    case .daemonCrashLoop:
      for index in 0..<4 { schedule(after: index * 700_000) { $0.kill(node, for: 300_000) } }
    case .daemonStop: sayGoodbye(node, for: length)
    case .daemonFreeze: freeze(node, for: length)
    case .storeStops: during(length) { $0.storeState.isStopped = $1 }
    case .storeReadOnly: during(length) { $0.storeState.isReadOnly = $1 }
    case .storeFull: during(length) { $0.storeState.isFull = $1 }
    case .storeVanishes: during(length) { $0.storeState.hasVanished = $1 }
    case .storeSlow: during(length) { $0.storeState.slowness = $1 ? fault.amount * 20_000 : 0 }
    case .storeRestored: restoreStore(fault.amount)
    case .storeRestoredByTheBook: restoreStoreByTheBook(fault.amount, for: length)
    case .beatVanishes: store.beats[node] = nil
    case .everyBeatVanishes: store.beats = [:]
    case .staleReads: during(length) { $0.machines[node]?.readsAreStale = $1 || $0.shape.readsAreCached }
    case .ownerKeyDamaged: damageOwnerKey(fault.service, for: length)
    case .journalLost: loseJournal(fault.service)
    case .cutFromStore: during(length) { $0.machines[node]?.isCutFromStore = $1 }
    case .everyNodeCutFromStore:
      during(length) { for node in $0.shape.nodes { $0.machines[node]?.isCutFromStore = $1 } }
    case .callsLost: during(length) { $0.machines[node]?.trouble.lost = $1 ? fault.amount : 0 }
    case .callsLate: during(length) { $0.machines[node]?.trouble.lateRequests = $1 ? fault.amount : 0 }
    case .answersLate: during(length) { $0.machines[node]?.trouble.lateAnswers = $1 ? fault.amount : 0 }
    case .answersLost: during(length) { $0.machines[node]?.trouble.lostAnswers = $1 ? fault.amount : 0 }
    case .callsTwice: during(length) { $0.machines[node]?.trouble.twice = $1 ? fault.amount : 0 }
    case .isolated:
      during(length) {
        $0.machines[node]?.isCutFromStore = $1
        $0.machines[node]?.isCutFromPeers = $1
      }
    case .cutFromPeers: during(length) { $0.machines[node]?.isCutFromPeers = $1 }
    case .cutFromClients, .notificationsLost, .notificationsTwice, .notificationsLate, .clientReboots,
      .clientGone,
      .clientCut, .everyClientReboots:
      strikeClients(fault)
    case .order, .forcedOrder, .failback, .offline, .online, .cancel, .pause, .drain, .thaw, .notifyAgain,
      .unhold,
      .definitionsDiffer:
      operate(fault)
    default: strikeServer(fault)
    }
  }

  /// Sets something now and undoes it after `length`, or when faults end.
  mutating func during(_ length: Int, _ set: @escaping (inout SimulatedWorld, Bool) -> Void) {
    set(&self, true)
    schedule(after: length) { if !$0.isCalm { set(&$0, false) } }
  }

  private mutating func losePower(_ node: NodeName, for length: Int) {
    powerOff(node)
    schedule(after: length) { $0.powerOn(node) }
  }

  private mutating func kill(_ node: NodeName, for length: Int) {
    guard machines[node]?.instance != nil, !isCalm else { return }
    killDaemon(node)
    schedule(after: length) { $0.startDaemon(node) }
  }

  private mutating func sayGoodbye(_ node: NodeName, for length: Int) {
    guard let last = machines[node]?.instance?.onStop() else { return }
    call(from: node, .beat, { $0.store.renew(node, last) }) { _, _ in }
    kill(node, for: length)
  }

  /// Its daemon gets no time; kernel and statd go on.
  private mutating func freeze(_ node: NodeName, for length: Int) {
    guard machines[node]?.instance != nil else { return }
    machines[node]?.daemonFrozenUntil = now + length
    interruptAdoptions(on: node)
    excuse(node, until: now + length + trueTime(timings.stopTime, on: node) + 50_000)
  }

  /// No clock of the machine sees it.
  private mutating func pauseGuest(_ node: NodeName, for length: Int) {
    guard let machine = machines[node], machine.isOn, machine.pausedUntil <= now else { return }
    pause(node, for: length)
    machines[node]?.clock.offset -= length * machine.clock.rate / 1_000_000
    // It finds out by the store alone, and only when it hears from it.
    excuse(node, until: now + length + trueTime(timings.lease, on: node))
  }

  /// Its clock shows no other time, but runs at another rate from now on.
  private mutating func drift(_ node: NodeName, by rate: Int) {
    guard let clock = machines[node]?.clock else { return }
    let new = 1_000_000 + rate
    machines[node]?.clock = .init(
      rate: new, offset: clock.offset + now * clock.rate / 1_000_000 - now * new / 1_000_000)
  }

  // MARK: - The store

  private mutating func restoreStore(_ amount: Int) {
    guard let old = storeState.past.dropLast(amount % 30 + 1).last?.store else { return }
    store = old
    ledger.restoredAt = now
  }

  /// As docs/failure-model.md says: all nodes off, every state number above what clients may have seen.
  private mutating func restoreStoreByTheBook(_ amount: Int, for length: Int) {
    guard let old = storeState.past.dropLast(amount % 30 + 1).last?.store else { return }
    for node in shape.nodes { losePower(node, for: length) }
    // What had been sent before is over by then.
    schedule(after: 20_000_000) { world in
      guard world.shape.nodes.allSatisfy({ world.machines[$0]?.isOn == false }), !world.isCalm,
        old.owners.values.allSatisfy({ Ownership(bytes: $0) != nil })
      else { return }
      var restored = old
      restored.stateNumbers.merge(world.store.stateNumbers) { max($0, $1) }
      restored.requests = [:]
      world.ledger.asked = [:]
      world.store = restored
      world.note("the store is as it was")
    }
    for node in shape.nodes { machines[node]?.staysOffUntil = now + 20_100_000 }
    schedule(after: 20_200_000) { world in for node in world.shape.nodes { world.powerOn(node) } }
  }

  private mutating func damageOwnerKey(_ service: ServiceName, for length: Int) {
    guard ledger.damagedKeys.isEmpty, let good = store.owners[service], Ownership(bytes: good) != nil else {
      return
    }
    let damaged = Array(good.dropLast(good.count / 2))
    store.owners[service] = damaged
    // An operator mends it by what the journal and the history say.
    schedule(after: length) { $0.mendOwnerKey(service, damaged, good) }
    ledger.damagedKeys[service] = (damaged, good)
  }

  mutating func mendOwnerKey(_ service: ServiceName, _ damaged: [UInt8], _ good: [UInt8]) {
    if store.owners[service] == damaged { store.owners[service] = good }
    ledger.damagedKeys[service] = nil
  }

  private mutating func loseJournal(_ service: ServiceName) {
    store.journals[service] = nil
    store.journalsDone[service] = nil
    store.journalsNumber[service] = nil
  }

  // MARK: - Calm

  /// Everything that lasts ends, and what is off is switched on, but for machines that an operator keeps off.
  mutating func heal() {
    isCalm = true
    storeState.isStopped = false
    storeState.isReadOnly = false
    storeState.isFull = false
    storeState.hasVanished = false
    storeState.slowness = 0
    store.pause = nil
    store.drains = [:]
    for service in services { unhold(service.name) }
    bringOnline()
    for (service, (damaged, good)) in ledger.damagedKeys { mendOwnerKey(service, damaged, good) }
    for node in shape.nodes {
      machines[node]?.staysOffUntil = 0
      machines[node]?.isCutFromStore = false
      machines[node]?.isCutFromPeers = false
      machines[node]?.isCutFromClients = false
      machines[node]?.trouble = CallTrouble()
      machines[node]?.notices = NoticeTrouble()
      machines[node]?.readsAreStale = false
      machines[node]?.isSick = false
      machines[node]?.isOverloaded = false
      for watched in shape.watchdog { mendDaemon(watched.name, on: node) }
      machines[node]?.isServerDown = false
      machines[node]?.isStatusMonitorDown = false
      machines[node]?.calloutIsMissing = false
      machines[node]?.hintsAreLost = false
      machines[node]?.withdrawalFails = false
      machines[node]?.fenceFails = false
      machines[node]?.failingSteps = [:]
      if machines[node]?.statusDirectory.isThere == false { machines[node]?.statusDirectory.isThere = true }
      for peer in shape.nodes { machines[node]?.instance?.onDefinitions(of: peer, disagreements: [:]) }
    }
    for client in clients.names where clients[client]?.isCut == true {
      clients[client]?.isCut = false
      clients[client]?.lastAway = now
    }
  }
}
