import Cluster
import Logging
import NodeHost

/// The daemons of this machine that the node file names.
extension NodeShell {
  /// Probes them, restarts what is dead, and reports this node where that does not help: whoever owns services then
  /// gives them away.
  func watchDaemons() async {
    let named = configuration.watchdog
    guard !named.isEmpty else { return }
    let rounds = HealthRounds(probes: named.map(\.probe), clock: clock)
    var dogs = named.map { DaemonWatchdog(settings: $0.settings, now: .now) }
    var reported = DeathReport()
    while !Task.isCancelled {
      let began = BootInstant.now
      let answers = await rounds.ask()
      if Task.isCancelled { return }
      for (index, answer) in answers.enumerated() {
        for case .restart in dogs[index].onProbe(answer.problem, now: .now) {
          let problem = await restart(named[index], because: answer.problem ?? "")
          dogs[index].onRestarted(problem: problem, now: .now)
        }
      }
      watched = zip(named, zip(dogs, answers)).map { named, state in
        NodeStatus.Watched(
          name: named.name, state: state.0.standing.word, restarts: state.0.restarts, problem: state.1.problem
        )
      }
      await reportDeaths(zip(named, dogs).map { (name: $0.name, standing: $1.standing) }, &reported)
      try? await clock.sleep(
        for: max(configuration.health.interval - (BootInstant.now - began), .milliseconds(10)))
    }
  }

  private func restart(_ daemon: WatchedDaemon, because: String) async -> String? {
    log.error(
      "a daemon is dead and is restarted", metadata: ["daemon": "\(daemon.name)", "because": "\(because)"])
    let outcome = await HostCommand.run(
      daemon.restart.arguments, environment: ["LOCKFERRY_DAEMON": daemon.name], within: daemon.restart.timeout
    )
    return outcome.succeeded
      ? nil : "\(daemon.restart.arguments.joined(separator: " ")): \(outcome.explanation)"
  }

  /// The report ends by itself some time after the daemon that writes it, so it is written again while it is true.
  private func reportDeaths(
    _ dogs: [(name: String, standing: DaemonWatchdog.Standing)], _ last: inout DeathReport
  )
    async
  {
    let deaths = dogs.compactMap { $0.standing.death(of: $0.name) }
    let text = String(deaths.joined(separator: "; ").prefix(500))
    do {
      if !deaths.isEmpty {
        guard last.text != text || .now - last.writtenAt > Self.deathReportLasts / 2 else { return }
        if last.text != text { log.critical("a daemon stays dead", metadata: ["because": "\(text)"]) }
        try await put(
          NodeReport(
            node: configuration.node, source: deathReport.source, state: .unhealthy, because: text,
            actor: "lockferry", at: WallClock.now, forMilliseconds: Self.deathReportLasts.wholeMilliseconds),
          at: deathReport)
        last = DeathReport(text: text, writtenAt: .now)
      } else if last.text != nil, dogs.allSatisfy({ $0.standing == .well }) {
        try await put(nil, at: deathReport)
        if last.text?.isEmpty == false { log.notice("every watched daemon answers again") }
        last = DeathReport(text: nil, writtenAt: .now)
      }
    } catch {
      log.debug("a report is not in the store yet", metadata: ["error": "\(error)"])
    }
  }

  private var deathReport: ReportKey { ReportKey(node: configuration.node, source: "watchdog") }
  private static var deathReportLasts: Duration { .seconds(600) }
}

/// What this node has last said of its dead daemons.
private struct DeathReport {
  /// nil where nothing is said. Empty at first: a daemon before this one may have left its word.
  var text: String? = ""
  var writtenAt = BootInstant.now
}

extension DaemonWatchdog.Standing {
  fileprivate var word: String {
    switch self {
    case .starting: "starting"
    case .well: "well"
    case .restarting: "restarting"
    case .dead: "dead"
    }
  }

  fileprivate func death(of name: String) -> String? {
    if case .dead(let why) = self { "\(name): \(why)" } else { nil }
  }
}
