internal import Cluster

/// Reading of `watchdog:`.
enum NodeFileWatchdog {
  private static let hour = Duration.seconds(3600)

  /// Every daemon that could be read; what can't is reported.
  static func read(_ value: NodeFileValue) -> [WatchedDaemon] {
    guard let elements = value.list(of: "daemons") else { return [] }
    var daemons: [WatchedDaemon] = []
    for element in elements {
      guard let daemon = daemon(element) else { continue }
      if daemons.contains(where: { $0.name == daemon.name }) {
        element.report("`\(daemon.name)` is watched twice")
      } else {
        daemons.append(daemon)
      }
    }
    return daemons
  }

  private static func daemon(_ value: NodeFileValue) -> WatchedDaemon? {
    guard let section = value.section(known: ["name", "probe", "restart", "failures", "within", "quiet"])
    else { return nil }
    let name = section.required("name", "what messages call the daemon").flatMap { $0.nodeName() }
    let probe = section.required("probe", "what is asked, as in health.probes").flatMap(NodeFileHealth.probe)
    let restart = section.required("restart", "{command: [...]} that starts it again").flatMap(
      NodeFileCommands.command)
    var settings = DaemonWatchdog.Settings()
    let isRead = [
      NodeFileTimings.read(section, "within", .milliseconds(100)...hour, into: &settings.within),
      NodeFileTimings.read(section, "quiet", .seconds(1)...(hour * 24), into: &settings.quiet),
    ].allSatisfy { $0 }
    if let failures = section.optional("failures") {
      guard let number = failures.integer(1...100) else { return nil }
      settings.failures = number
    }
    guard let name, let probe, let restart, isRead else { return nil }
    return WatchedDaemon(name: name.text, probe: probe, restart: restart, settings: settings)
  }
}
