import Cluster
import StatusMonitor

/// What goes wrong with a node's server and host, and with clients.
extension SimulatedWorld {
  mutating func strikeServer(_ fault: Fault) {
    let (node, length) = (fault.node, fault.length)
    switch fault.kind {
    case .sick: during(length) { $0.machines[node]?.isSick = $1 }
    case .flapping:
      for turn in 0..<5 {
        schedule(after: turn * 1_500_000) { if !$0.isCalm { $0.machines[node]?.isSick = turn % 2 == 0 } }
      }
    case .serverStops: during(length) { $0.machines[node]?.isServerDown = $1 }
    case .serverRestarts: restartServer(node, thenTell: fault.amount > 50)
    case .daemonDies: endDaemon(fault.daemon, on: node)
    case .daemonStaysDead: breakDaemon(fault.daemon, on: node, for: length)
    case .overload: during(length) { $0.machines[node]?.isOverloaded = $1 }
    case .statusMonitorStops: during(length) { $0.machines[node]?.isStatusMonitorDown = $1 }
    case .statusDirectoryVanishes: during(length) { $0.machines[node]?.statusDirectory.isThere = !$1 }
    case .recordsRetired: retireRecords(node)
    case .hintsLost: during(length) { $0.machines[node]?.hintsAreLost = $1 }
    case .calloutMissing: during(length) { $0.machines[node]?.calloutIsMissing = $1 }
    case .stepFails:
      let (step, times) = fault.failing
      machines[node]?.failingSteps[step] = times
    case .withdrawalFails: during(length) { $0.machines[node]?.withdrawalFails = $1 }
    case .fenceFails: during(length) { $0.machines[node]?.fenceFails = $1 }
    default: break
    }
  }

  /// `systemctl restart nfs-server`, by somebody who does not think of locks; perhaps then `lockferry notify`.
  mutating func restartServer(_ node: NodeName, thenTell: Bool) {
    guard let machine = machines[node], machine.isOn else { return }
    for service in machine.lockManagers.keys.sorted() {
      let locks = (machines[node]?.lockManagers[service]?.locks ?? [:]).mapValues { Set([$0]) }
      let before = ledger.services[service]?.restartOutside?.locks ?? [:]
      stopLockManager(service, on: node)
      let manager = SimulatedLockManager(
        start: nextNumber(), graceEnds: clock(node) + shape.mirror.gracePeriod)
      if store.ownership(service)?.node == node {
        ledger.services[service]?.restartOutside = (
          manager.start, now, before.merging(locks) { $0.union($1) }
        )
      }
      machines[node]?.lockManagers[service] = manager
      guard thenTell else { continue }
      schedule(after: 1_000_000, for: node) { $0.notifyAgain(service, on: node) }
    }
  }

  /// It ends, and can't be started for a while.
  private mutating func breakDaemon(_ name: String, on node: NodeName, for length: Int) {
    machines[node]?.brokenDaemons.insert(name)
    endDaemon(name, on: node)
    schedule(after: length) { $0.mendDaemon(name, on: node) }
  }

  // MARK: - Clients

  mutating func strikeClients(_ fault: Fault) {
    let (node, length) = (fault.node, fault.length)
    switch fault.kind {
    case .cutFromClients:
      during(length) { world, isOn in
        world.machines[node]?.isCutFromClients = isOn
        for client in world.shape.clients { world.clients[client.name]?.lastAway = world.now }
      }
    case .notificationsLost: noticesFail(node, length) { $0.lost = $1 ? fault.amount : 0 }
    case .notificationsTwice: noticesFail(node, length) { $0.twice = $1 ? 50 : 0 }
    case .notificationsLate: noticesFail(node, length) { $0.late = $1 ? 50 : 0 }
    case .clientReboots: if let client = fault.client { reboot(client, after: min(length, 3_000_000)) }
    case .clientGone: if let client = fault.client { reboot(client, after: length * 4) }
    case .clientCut:
      guard let client = fault.client else { return }
      during(length) { world, isCut in
        world.clients[client]?.isCut = isCut
        world.clients[client]?.lastAway = world.now
      }
    case .everyClientReboots: for client in shape.clients { reboot(client.name, after: length / 2) }
    default: break
    }
  }

  private mutating func noticesFail(
    _ node: NodeName, _ length: Int, _ set: @escaping (inout NoticeTrouble, Bool) -> Void
  ) {
    during(length) { world, isOn in
      guard var notices = world.machines[node]?.notices else { return }
      set(&notices, isOn)
      world.machines[node]?.notices = notices
      for client in world.shape.clients { world.clients[client.name]?.lastAway = world.now }
    }
  }

  /// When one message from `node` to a client arrives: never, once or twice.
  mutating func delays(from node: NodeName) -> [Int] {
    guard var numbers = machines[node]?.numbers, let trouble = machines[node]?.notices else { return [] }
    defer { machines[node]?.numbers = numbers }
    if trouble.lost > 0, numbers.chance(trouble.lost) { return [] }
    let late = trouble.late > 0 && numbers.chance(trouble.late) ? numbers.number(0...2_000_000) : 0
    let delay = numbers.number(200...10_000) + late
    if trouble.twice > 0, numbers.chance(trouble.twice) {
      return [delay, delay + numbers.number(0...1_500_000)]
    }
    return [delay]
  }
}

/// What goes wrong with notifications, in percent of them.
struct NoticeTrouble: Equatable {
  var lost = 0
  var twice = 0
  var late = 0
}
