import Cluster
import StatusMonitor

/// What happens to machines.
extension SimulatedWorld {
  mutating func powerOn(_ node: NodeName) {
    guard machines[node]?.isOn == false, keptOff[node] == nil, (machines[node]?.staysOffUntil ?? 0) <= now
    else { return }
    machines[node]?.isOn = true
    machines[node]?.boot += 1
    machines[node]?.newestRead = now
    announce("\(node) boots")
    // sm-notify retires every record of the live directory; the host's number goes up.
    retireRecords(node)
    machines[node]?.statusDirectory.number += 2
    startDaemonsOfHost(node)
    startDaemon(node)
  }

  mutating func powerOff(_ node: NodeName) {
    guard machines[node]?.isOn == true else { return }
    announce("\(node) is off")
    killDaemon(node)
    machines[node]?.isOn = false
    machines[node]?.addresses = [:]
    machines[node]?.lockManagers = [:]
    machines[node]?.withdrawn = []
    machines[node]?.pausedUntil = 0
  }

  mutating func killDaemon(_ node: NodeName) {
    interruptAdoptions(on: node)
    machines[node]?.life += 1
    machines[node]?.instance = nil
    machines[node]?.plans = [:]
    machines[node]?.withdrawing = []
    machines[node]?.mirrors = [:]
    for client in clients.names { noteIfUnseen(client, on: node) }
    machines[node]?.claimed = [:]
    machines[node]?.notifying = [:]
    machines[node]?.daemonFrozenUntil = 0
    excuse(node, until: .max)
  }

  mutating func startDaemon(_ node: NodeName) {
    guard let machine = machines[node], machine.isOn, machine.instance == nil else { return }
    let life = machine.life + 1
    machines[node]?.life = life
    let services = services.map { service in
      var service = service
      service.priority = shape.priorities[node]?[service.name] ?? Bid.usualPriority
      return service
    }
    let settings = NodeInstance.Settings(
      node: node, instance: DaemonInstance(place: "\(node)/\(machine.boot)", run: "\(life)"),
      boot: "\(node)-\(machine.boot)", timings: timings, staleness: shape.staleness, services: services,
      withdrawn: machine.withdrawn, adoption: shape.adoption)
    var instance = NodeInstance(settings: settings, now: clock(node))
    instance.onStanding(Set(machine.addresses.keys))
    for service in services where service.hasChecks {
      instance.onChecks(of: service.name, problems: shape.checkProblems[node]?[service.name] ?? [])
    }
    machines[node]?.instance = instance
    machines[node]?.judge = HealthJudge(probes: 1, limit: shape.probeFailures ?? 1)
    machines[node]?.mirrorKnowsServerUp = false
    machines[node]?.mirrorKnowsGrace = false
    // What an earlier daemon left is gone by the end of the lease, whatever this one can reach.
    let leaseEnds = max(now, machine.pausedUntil) + trueTime(timings.lease, on: node)
    machines[node]?.excusedUntil = leaseEnds
    note("\(node) starts a daemon")
    probe(node)
    tick(node)
    watchLease(node)
    rescanPeriodically(node)
    exchangeEligibility(node)
    startWatches(node)
  }

  /// The machine does nothing for a while. Its clocks go on.
  mutating func pause(_ node: NodeName, for duration: Int) {
    guard let machine = machines[node], machine.isOn else { return }
    note("\(node) is paused for \(duration / 1000) ms")
    interruptAdoptions(on: node)
    let end = now + duration
    machines[node]?.pausedUntil = max(machine.pausedUntil, end)
    // What is overdue is withdrawn as soon as it goes on.
    excuse(node, until: end + trueTime(timings.stopTime, on: node) + 50_000)
  }

  /// Nobody watches the grace periods of its adoptions meanwhile.
  mutating func interruptAdoptions(on node: NodeName) {
    for (service, running) in machines[node]?.plans ?? [:] where running.plan.kind == .adoption {
      ledger.services[service]?.interruptedAt = now
    }
  }

  /// Until then only a fence could make this machine stop.
  mutating func excuse(_ node: NodeName, until end: Int) {
    let before = machines[node]?.excusedUntil ?? 0
    machines[node]?.excusedUntil = max(before, end)
  }

  /// What each node says of itself, now and then.
  private mutating func exchangeEligibility(_ node: NodeName) {
    let said = machines[node]?.instance?.eligibility(now: clock(node))
    call(
      from: node, .beat,
      { world in
        world.store.eligibility[node] = said
        return world.store.eligibility
      }
    ) { world, all in
      for (peer, said) in all ?? [:] where peer != node {
        world.machines[node]?.instance?.onEligibility(of: peer, said)
      }
      world.schedule(after: world.trueTime(.seconds(1), on: node), for: node) { $0.exchangeEligibility(node) }
    }
  }

  /// A round of health probes, and what the mirror is told of the server.
  mutating func probe(_ node: NodeName) {
    guard let machine = machines[node] else { return }
    var problem = machine.isSick ? "the machine is sick" : machine.isServerDown ? "NULL: no answer" : nil
    if shape.probeFailures == nil { problem = nil }
    machines[node]?.judge.onRound([.init(subject: "nfs", problem: problem, took: .milliseconds(1))])
    if let verdict = machines[node]?.judge.verdict {
      input(node) { $0.onHealth(verdict, now: $1) }
      tellMirrors(node, serverIsUp: verdict == .healthy && !machine.isServerDown)
    }
    if !machine.isServerDown {
      let own = clock(node)
      tellMirrors(
        node, graceRuns: machine.lockManagers.values.contains { $0.graceEnds.map { own < $0 } ?? false })
    }
    schedule(after: trueTime(shape.probeInterval, on: node), for: node) { $0.probe(node) }
  }
}
