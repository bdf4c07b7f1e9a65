import Cluster

/// The daemons that the node file names under `watchdog`, its `overload` rule, and the reports that follow from both.
extension SimulatedWorld {
  /// With the daemon; where the node file has neither, nothing is asked of the store.
  mutating func startWatches(_ node: NodeName) {
    guard shape.watchesDaemons else { return }
    let own = clock(node)
    machines[node]?.dogs = shape.watchdog.map { DaemonWatchdog(settings: $0.settings, now: own) }
    machines[node]?.deaths = StandingReport(lasts: DaemonWatchdog.reportLasts, isLeftOver: true)
    if let rule = shape.overload {
      machines[node]?.overload = OverloadJudge(hold: rule.hold)
      machines[node]?.overloads = StandingReport(lasts: rule.reportLasts, isLeftOver: false)
      watchLoad(node, rule)
    }
    if !shape.watchdog.isEmpty { watchDaemons(node) }
    readReports(node)
  }

  // MARK: - Daemons

  private mutating func watchDaemons(_ node: NodeName) {
    for (index, watched) in shape.watchdog.enumerated() {
      let problem = isAnswering(watched, on: node) ? nil : "NULL: no answer"
      let own = clock(node)
      for case .restart in machines[node]?.dogs[index].onProbe(problem, now: own) ?? [] {
        announce("\(node): \(watched.name) is dead and is restarted")
        let length = machines[node]?.numbers.number(0...50_000) ?? 0
        schedule(after: length, for: node) { world in
          world.restart(watched, on: node)
          let own = world.clock(node)
          world.machines[node]?.dogs[index].onRestarted(problem: nil, now: own)
        }
      }
    }
    let deaths = zip(shape.watchdog, machines[node]?.dogs ?? []).compactMap { watched, dog -> String? in
      if case .dead(let why) = dog.standing { "\(watched.name): \(why)" } else { nil }
    }
    let isWell = machines[node]?.dogs.allSatisfy { $0.standing == .well } == true
    if !deaths.isEmpty || isWell {
      report(
        deaths.isEmpty ? nil : deaths.joined(separator: "; "), .unhealthy, source: "watchdog", on: node,
        \.deaths)
    }
    schedule(after: trueTime(shape.probeInterval, on: node), for: node) { $0.watchDaemons(node) }
  }

  private func isAnswering(_ watched: ClusterShape.Watched, on node: NodeName) -> Bool {
    guard let machine = machines[node], !machine.deadDaemons.contains(watched.name) else { return false }
    return switch watched.role {
    case .server: !machine.isServerDown
    case .statusMonitor: !machine.isStatusMonitorDown
    case .other: true
    }
  }

  /// A daemon of the machine ends, as by a crash.
  mutating func endDaemon(_ name: String, on node: NodeName) {
    guard let watched = shape.watchdog.first(where: { $0.name == name }), machines[node]?.isOn == true,
      machines[node]?.deadDaemons.insert(name).inserted == true
    else { return }
    set(watched, on: node, isDown: true)
  }

  /// Its restart, by the watchdog or by whoever mends it; in vain while it can't be started.
  private mutating func restart(_ watched: ClusterShape.Watched, on node: NodeName) {
    guard machines[node]?.isOn == true, machines[node]?.brokenDaemons.contains(watched.name) == false,
      machines[node]?.deadDaemons.remove(watched.name) != nil
    else { return }
    set(watched, on: node, isDown: false)
    // What the kernel knew of locks has gone with it.
    if watched.role == .server { restartServer(node, thenTell: false) }
  }

  /// It can be started again, and is.
  mutating func mendDaemon(_ name: String, on node: NodeName) {
    machines[node]?.brokenDaemons.remove(name)
    guard let watched = shape.watchdog.first(where: { $0.name == name }) else { return }
    restart(watched, on: node)
  }

  private func set(_ watched: ClusterShape.Watched, on node: NodeName, isDown: Bool) {
    switch watched.role {
    case .server: machines[node]?.isServerDown = isDown
    case .statusMonitor: machines[node]?.isStatusMonitorDown = isDown
    case .other: break
    }
  }

  /// A boot starts everything that can be started.
  mutating func startDaemonsOfHost(_ node: NodeName) {
    for watched in shape.watchdog {
      if machines[node]?.brokenDaemons.contains(watched.name) == true {
        endDaemon(watched.name, on: node)
      } else {
        restart(watched, on: node)
      }
    }
  }

  // MARK: - Load

  private mutating func watchLoad(_ node: NodeName, _ rule: ClusterShape.Overload) {
    let own = clock(node)
    let problem = machines[node]?.isOverloaded == true ? "it has too much to do" : nil
    _ = machines[node]?.overload?.onSample(problem, now: own)
    let judge = machines[node]?.overload
    report(
      judge?.isOverloaded == true ? judge?.reason : nil, .overloaded, source: "overload", on: node,
      \.overloads)
    schedule(after: trueTime(rule.interval, on: node), for: node) { $0.watchLoad(node, rule) }
  }

  // MARK: - Reports

  private mutating func report(
    _ reason: String?, _ state: NodeReport.State, source: String, on node: NodeName,
    _ standing: ReferenceWritableKeyPath<SimulatedMachine, StandingReport?>
  ) {
    guard let machine = machines[node], let report = machine[keyPath: standing],
      let action = report.action(reason, now: clock(node))
    else { return }
    let key = ReportKey(node: node, source: source)
    var bytes: [UInt8]?
    if case .write(let because) = action {
      bytes =
        NodeReport(
          node: node, source: source, state: state, because: because, actor: "lockferry", at: "\(now)",
          forMilliseconds: report.lasts.wholeMilliseconds
        ).bytes
    }
    call(from: node, .write, { $0.store.reports[key] = bytes }) { world, done in
      guard done != nil else { return }
      let own = world.clock(node)
      guard world.machines[node]?[keyPath: standing]?.onDone(action, now: own) == true else { return }
      world.announce(
        reason.map { "\(node) reports itself \(state.rawValue): \($0)" } ?? "\(node) takes its report back")
    }
  }

  /// All of them, at every beat; what is over leaves the store.
  private mutating func readReports(_ node: NodeName) {
    call(from: node, .read, { $0.seen(by: node).reports }) { world, found in
      let own = world.clock(node)
      if let found { world.machines[node]?.instance?.onReports(found, now: own) }
      for (key, bytes) in world.machines[node]?.instance?.expiredReports(now: own) ?? [:] {
        world.call(from: node, .write, { if $0.store.reports[key] == bytes { $0.store.reports[key] = nil } })
        {
          _, _ in
        }
      }
      world.schedule(after: world.trueTime(world.timings.interval, on: node), for: node) {
        $0.readReports(node)
      }
    }
  }
}
