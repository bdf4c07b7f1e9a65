import Sidecar

/// `lockferry status` for people.
enum StatusTable {
  static func render(_ status: NodeStatus, coloured: Bool) -> String {
    var blocks: [String] = []
    if let paused = status.paused {
      blocks.append(
        Terminal.printable("PAUSED \(paused.text): nothing is adopted before `lockferry resume`") + "\n")
    }
    blocks.append(summary(status, coloured))
    if !status.health.probes.isEmpty { blocks.append(probes(status.health.probes, coloured)) }
    if let fence = status.selfFence {
      blocks.append(
        fence == "armed"
          ? "SELF-FENCE armed: this machine is reset when its lease is not renewed\n"
          : "SELF-FENCE off: nothing is owned\n")
    }
    if !status.peers.isEmpty { blocks.append(peers(status.peers, coloured)) }
    if !status.watchdog.isEmpty { blocks.append(watchdog(status.watchdog, coloured)) }
    if !status.services.isEmpty { blocks.append(services(status, coloured)) }
    if let callout = status.callout { blocks.append(callouts(callout, coloured)) }
    let notes = notes(status)
    if !notes.isEmpty { blocks.append(notes.map { Terminal.printable($0) + "\n" }.joined()) }
    return blocks.joined(separator: "\n")
  }

  private static func summary(_ status: NodeStatus, _ coloured: Bool) -> String {
    var table = TextTable(
      ("NODE", .left), ("STATE", .left), ("UP", .right), ("SERVES", .left), ("HEALTH", .left),
      ("STORE", .left))
    let health = status.health
    let word = (health.healthy ? "healthy" : "unhealthy") + (health.beating ? ", beating" : ", not beating")
    let store = status.store.reachable ? "reachable" : "not reachable"
    table.add(
      .init(status.node), .init(status.state, status.state == "running" ? .good : .doubtful),
      .init(Elapsed.text(milliseconds: status.uptimeSeconds * 1000)),
      .init(
        "\(status.mode): \(status.homeServices) home, \(status.adoptedServices) adopted",
        status.mode == "online" ? .good : .doubtful),
      .init(word, health.healthy && health.beating ? .good : .bad),
      .init("\(status.store.location), \(store)", status.store.reachable ? .good : .bad))
    return table.render(coloured: coloured)
  }

  private static func probes(_ probes: [NodeStatus.Probe], _ coloured: Bool) -> String {
    var table = TextTable(("PROBE", .left), ("ANSWER", .left), ("FAILURES", .right), ("TOOK", .right))
    for probe in probes {
      table.add(
        .init(probe.subject), .init(probe.ok ? "ok" : probe.problem ?? "failed", probe.ok ? .good : .bad),
        .init("\(probe.failures)"), .init(Elapsed.text(milliseconds: probe.milliseconds)))
    }
    return table.render(coloured: coloured)
  }

  private static func peers(_ peers: [NodeStatus.Peer], _ coloured: Bool) -> String {
    var table = TextTable(
      ("PEER", .left), ("BEAT", .left), ("MISSED", .right), ("LAST BEAT", .right), ("CONFIGURED", .left))
    for peer in peers {
      let mood: TextTable.Mood =
        switch peer.beat {
        case "alive": .good
        case "dead": .bad
        default: .doubtful
        }
      table.add(
        .init(peer.node), .init(peer.beat, mood), .init("\(peer.missedBeats)"),
        .init(peer.lastBeatMilliseconds.map { Elapsed.text(milliseconds: $0) + " ago" } ?? "never"),
        peer.disagreements.isEmpty ? "alike" : .init("differently", .bad))
    }
    return table.render(coloured: coloured)
  }

  private static func watchdog(_ daemons: [NodeStatus.Watched], _ coloured: Bool) -> String {
    var table = TextTable(("DAEMON", .left), ("STATE", .left), ("RESTARTS", .right), ("PROBLEM", .left))
    for daemon in daemons {
      let mood: TextTable.Mood = daemon.state == "well" ? .good : daemon.state == "dead" ? .bad : .doubtful
      table.add(
        .init(daemon.name), .init(daemon.state, mood), .init("\(daemon.restarts)"),
        .init(daemon.problem ?? ""))
    }
    return table.render(coloured: coloured)
  }

  private static func services(_ status: NodeStatus, _ coloured: Bool) -> String {
    var table = TextTable(
      ("SERVICE", .left), ("STATE", .left), ("OWNER", .left), ("EPOCH", .right), ("HOME", .left),
      ("CANDIDATE", .left), ("RECORDS", .right), ("MIRRORED", .right), ("LAG", .right), ("DELETIONS", .left))
    for service in status.services {
      let mirror = service.mirror
      let candidate = service.owner == status.node ? "owner" : service.candidate ? "yes" : "no"
      let isComplete = mirror.map { $0.recordsSeen == $0.recordsMirrored } ?? true
      table.add(
        .init(service.service), .init(service.state, mood(ofState: service.state)),
        .init(service.owner ?? ""),
        .init("\(service.epoch)"), .init(service.home), .init(candidate),
        .init(mirror.map { "\($0.recordsSeen)" } ?? ""),
        .init(mirror.map { "\($0.recordsMirrored)" } ?? "", isComplete ? .plain : .doubtful),
        .init(mirror.map { "\($0.lagMilliseconds) ms" } ?? ""),
        .init(mirror.map { $0.frozen ? "frozen" : "on" } ?? "", mirror?.frozen == true ? .doubtful : .plain))
    }
    return table.render(coloured: coloured)
  }

  private static func callouts(_ callout: NodeStatus.Callout, _ coloured: Bool) -> String {
    var table = TextTable(
      ("RECORDS COME BY", .left), ("DURABLE BEFORE THE LOCK", .right), ("LATE", .right),
      ("NOT DURABLE", .right),
      ("FORGOTTEN", .right), ("RESTARTS", .right), ("SPOOLED", .right))
    let isHeard = callout.source == "callout"
    let missed = callout.notDurable > 0
    table.add(
      .init(isHeard ? "callout" : "inotify alone", isHeard ? .good : .doubtful), .init("\(callout.durable)"),
      .init("\(callout.late)", callout.late > 0 ? .doubtful : .plain),
      .init("\(callout.notDurable)", missed ? .bad : .plain), .init("\(callout.departures)"),
      .init("\(callout.restarts)"), .init("\(callout.spooled)", callout.spooled > 0 ? .doubtful : .plain))
    return table.render(coloured: coloured)
  }

  private static func mood(ofState state: String) -> TextTable.Mood {
    switch state {
    case "online": .good
    case "adopting", "releasing", "released", "offline", "closed": .doubtful
    case "unowned", "unknown": .bad
    default: .plain
    }
  }

  /// What doesn't fit into columns, one line each.
  private static func notes(_ status: NodeStatus) -> [String] {
    var lines = status.health.reasons.map { "health: \($0)" }
    if let drained = status.drained { lines.append("node \(status.node) is drained \(drained.text)") }
    for peer in status.peers {
      if let drained = peer.drained { lines.append("node \(peer.node) is drained \(drained.text)") }
    }
    if let problem = status.store.problem { lines.append("store: \(problem)") }
    if let callout = status.callout {
      if let problem = callout.problem { lines.append("callout: not heard: \(problem)") }
      if callout.refused > 0 { lines.append("callout: \(callout.refused) refused, see the log") }
    }
    for peer in status.peers { lines += peer.degraded.map { "node \(peer.node) is degraded: \($0)" } }
    for report in status.reports {
      lines.append(
        "node \(report.node) is reported \(report.state) by \(report.source) (\(report.actor), \(report.at), for another"
          + " \(Elapsed.text(milliseconds: report.secondsLeft * 1000))): \(report.because)")
    }
    for peer in status.peers { lines += peer.disagreements.map { "node \(peer.node) differs: \($0)" } }
    for service in status.services {
      let name = "service \(service.service)"
      lines += service.requests.map { $0.line(of: service.service) }
      if let plan = service.plan {
        lines.append("\(name): \(plan.kind), step \(plan.done + 1) of \(plan.steps): \(plan.step)")
        if let problem = plan.problem { lines.append("\(name): \(plan.step) is tried again: \(problem)") }
      }
      if let bid = service.bid {
        lines.append(
          "\(name): this node bids for epoch \(bid.epoch): priority \(bid.priority), load "
            + (bid.loadPercent.map { "\($0) %" } ?? "unknown"))
      }
      if let held = service.held { lines.append("\(name): HELD: \(held)") }
      if let stranded = service.stranded { lines.append("\(name): STRANDED: \(stranded)") }
      lines += service.ineligible.map {
        "\(name): \($0.node) can't take it: \($0.reasons.joined(separator: "; "))"
      }
      guard let mirror = service.mirror else { continue }
      if let problem = mirror.problem { lines.append("\(name): mirror: \(problem)") }
      lines += mirror.frozenBecause.map { "\(name): deletions frozen: \($0)" }
      lines += mirror.refused.map { "\(name): file \($0.name) is not taken: \($0.reason)" }
      if mirror.retained > 0 {
        lines.append("\(name): \(mirror.retained) records are kept that the directory lost")
      }
      if mirror.departing > 0 { lines.append("\(name): \(mirror.departing) departures wait for their delay") }
    }
    return lines + status.warnings.map { "warning: \($0)" }
  }
}
