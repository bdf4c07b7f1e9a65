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
    let rounds = HealthRounds(probes: named.map(\.probe), place: healthRounds.place)
    var dogs = named.map { DaemonWatchdog(settings: $0.settings, now: .now) }
    var report = StandingReport(lasts: DaemonWatchdog.reportLasts, isLeftOver: true)
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
      await reportDeaths(zip(named, dogs).map { (name: $0.name, standing: $1.standing) }, &report)
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

  private func reportDeaths(
    _ dogs: [(name: String, standing: DaemonWatchdog.Standing)], _ report: inout StandingReport
  ) async {
    let deaths = dogs.compactMap { $0.standing.death(of: $0.name) }
    // One that is being restarted is neither dead nor well.
    guard !deaths.isEmpty || dogs.allSatisfy({ $0.standing == .well }) else { return }
    let reason = deaths.isEmpty ? nil : String(deaths.joined(separator: "; ").prefix(500))
    guard await say(reason, .unhealthy, source: "watchdog", &report) else { return }
    if let reason {
      log.critical("a daemon stays dead", metadata: ["because": "\(reason)"])
    } else {
      log.notice("every watched daemon answers again")
    }
  }
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
