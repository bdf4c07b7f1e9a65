import Cluster
import StatusMonitor

/// What is seen of a run by somebody who looks on.
extension SimulatedWorld {
  /// Said in the transcript, and to whoever reads the forecast.
  mutating func announce(_ text: @autoclosure () -> String) {
    guard chronicle != nil || transcript.isKept else { return }
    let line = text()
    note(line)
    chronicle?.moments.append(Forecast.Moment(at: now / 1000, text: line))
  }

  /// Ten times a second: who is served, and what the daemons would raise an alarm about.
  mutating func observe() {
    for service in services.map(\.name) {
      observe(service)
      observeAlarm(service)
    }
    schedule(after: 100_000) { $0.observe() }
  }

  private func isServed(_ service: ServiceName) -> Bool {
    guard let node = server(of: service), let machine = machines[node] else { return false }
    return machine.lockManagers[service] != nil && !machine.isServerDown && machine.pausedUntil <= now
      && !machine.isCutFromClients
  }

  private mutating func observe(_ service: ServiceName) {
    let isNow = isServed(service)
    guard let (wasServed, since) = chronicle?.served[service] else {
      if isNow { chronicle?.served[service] = (true, now) }
      return
    }
    guard isNow != wasServed else { return }
    chronicle?.served[service] = (isNow, now)
    guard isNow else { return announce("clients can't reach \(service)") }
    chronicle?.unserved[service, default: 0] += now - since
    let node = server(of: service)?.text ?? "nobody"
    let gap = DurationText.text(.milliseconds((now - since) / 1000))
    announce("clients reach \(service) on \(node) again, after \(gap)")
  }

  /// What `status` would show, by the first node that says so.
  private mutating func observeAlarm(_ service: ServiceName) {
    var found: (alarm: Chronicle.Alarm, text: String)?
    for node in shape.nodes where found == nil {
      guard let machine = machines[node], machine.pausedUntil <= now, let instance = machine.instance else {
        continue
      }
      if let reason = instance.whyStranded(service, now: clock(node)) {
        found = (.stranded, "\(node): \(service) is stranded: \(reason)")
      } else if let reason = instance.whyHeld(service, now: clock(node)) {
        found = (.held, "\(node): \(service) is held: \(reason)")
      }
    }
    guard chronicle?.alarms[service] != found?.alarm else { return }
    chronicle?.alarms[service] = found?.alarm
    if let found { announce(found.text) }
  }

  /// The end of the run, as it is told.
  func forecast() -> Forecast {
    let chronicle = chronicle ?? Chronicle()
    let running = services.map(\.name).compactMap { service -> Forecast.Entry? in
      guard var draft = chronicle.drafts[service], let owner = store.ownership(service),
        owner.epoch == draft.epoch, owner.node.text == draft.plan?.node, store.journals[service] == draft.plan
      else { return nil }
      draft.number = (chronicle.entries.last { $0.service == service }?.number ?? 0) + 1
      draft.milliseconds = now / 1000 - draft.startedAt
      return draft
    }
    let fates = services.map(\.name).map { service -> Forecast.Service in
      var unserved = chronicle.unserved[service] ?? 0
      let last = chronicle.served[service]
      if let last, !last.isServed { unserved += now - last.since }
      return Forecast.Service(
        name: service, ownership: store.ownership(service), isServed: last?.isServed ?? false,
        unserved: unserved / 1000)
    }
    let origin = chronicle.origin / 1000
    return Forecast(
      moments: chronicle.moments.filter { $0.at >= origin }.map { .init(at: $0.at - origin, text: $0.text) },
      entries: (chronicle.entries + running).filter { $0.startedAt >= origin }.map { entry in
        var entry = entry
        entry.startedAt -= origin
        return entry
      },
      services: fates, isPending: chronicle.isPending, permissions: ledger.permissions,
      violation: ledger.violation.flatMap { $0.isPermitted ? nil : $0 })
  }
}

extension PlanOutcome {
  /// For people.
  var text: String {
    switch self {
    case .done(let ownership): ownership.state.rawValue
    case .gaveUp(let problem): "given up: \(problem)"
    case .handOn(let problem): "another one shall try: \(problem)"
    default: "\(self)"
    }
  }
}
