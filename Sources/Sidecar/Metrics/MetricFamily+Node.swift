/// The node itself, its store and the others.
extension MetricFamily {
  static let node: [MetricFamily] = [
    MetricFamily(
      "info", .gauge, "Always 1; says which node and which version answers.", labels: ["node", "version"]
    ) {
      [Sample([$0.node, Sidecar.version], .count(1))]
    },
    one("uptime_seconds", .gauge, "Since the daemon started.") { .milliseconds($0.uptimeSeconds * 1000) },
    MetricFamily("daemon_state", .gauge, "1 for the daemon's state, else 0.", labels: ["state"]) {
      states(["starting", "running", "stopping"], is: $0.state)
    },
    MetricFamily(
      "node_mode", .gauge, "1 for what this node does for all services together, else 0.", labels: ["mode"]
    ) {
      states(["unknown", "online", "failover", "offline"], is: $0.mode)
    },
    one("healthy", .gauge, "1 while no probe has failed often enough to matter.") {
      .flag($0.health.healthy)
    },
    one("beating", .gauge, "1 while this node writes beats.") { .flag($0.health.beating) },
    one(
      "beat_age_seconds", .gauge,
      "Since the last beat of this node that reached the store was sent; missing before the first one."
    ) { $0.health.beatAgeMilliseconds.map { .milliseconds($0) } },
    one("loop_age_seconds", .gauge, "Since the daemon's main loop last ran.") {
      .milliseconds($0.health.loopAgeMilliseconds)
    },
    one("loop_limit_seconds", .gauge, "Without a run of the main loop for so long /liveness answers 503.") {
      .milliseconds($0.health.loopLimitMilliseconds)
    },
    one("loop_lag_seconds", .gauge, "How much later than it was due the main loop last ran.") {
      .milliseconds($0.health.loopLagMilliseconds)
    },
    one(
      "loop_late_total", .counter,
      "How often it ran so late that this node took nothing upon itself for a lease."
    ) {
      .count($0.health.timesLoopWasLate)
    },
    MetricFamily(
      "probe_ok", .gauge, "1 where a health probe answered well in the last round.", labels: ["probe"]
    ) {
      $0.health.probes.map { Sample([$0.subject], .flag($0.ok)) }
    },
    MetricFamily(
      "probe_failures", .gauge, "Rounds in which a health probe has failed one after the other.",
      labels: ["probe"]
    ) { $0.health.probes.map { Sample([$0.subject], .count($0.failures)) } },
    MetricFamily(
      "probe_duration_seconds", .gauge, "How long a health probe's last answer took.", labels: ["probe"]
    ) { $0.health.probes.map { Sample([$0.subject], .milliseconds($0.milliseconds)) } },
    MetricFamily(
      "watched_daemon_state", .gauge,
      "1 for the state of a daemon that the node file names under watchdog, else 0.",
      labels: ["daemon", "state"]
    ) { status in
      status.watchdog.flatMap {
        states(["starting", "well", "restarting", "dead"], is: $0.state, of: [$0.name])
      }
    },
    MetricFamily(
      "watched_daemon_restarts_total", .counter, "How often the watchdog has restarted a daemon.",
      labels: ["daemon"]
    ) { $0.watchdog.map { Sample([$0.name], .count($0.restarts)) } },
    MetricFamily(
      "node_reports", .gauge, "Reports of a node's health that count now.", labels: ["node", "state"]
    ) { status in
      Dictionary(grouping: status.reports) { [$0.node, $0.state] }.sorted {
        $0.key.lexicographicallyPrecedes($1.key)
      }
      .map { Sample($0.key, .count($0.value.count)) }
    },
    one("paused", .gauge, "1 while the cluster is paused: nothing is adopted.") { .flag($0.paused != nil) },
    one("drained", .gauge, "1 while this node is drained.") { .flag($0.drained != nil) },
    one("warnings", .gauge, "What `lockferry status` warns of.") { .count($0.warnings.count) },
    one("home_services", .gauge, "Services that are served here and are at home here.") {
      .count($0.homeServices)
    },
    one("adopted_services", .gauge, "Services that are served here and are at home elsewhere.") {
      .count($0.adoptedServices)
    },
  ]

  static let store: [MetricFamily] = [
    one("store_reachable", .gauge, "1 while the store's last calls succeeded.") { .flag($0.store.reachable) },
    one(
      "store_answer_age_seconds", .gauge,
      "Since the last call to the store that succeeded; missing before the first one."
    ) { $0.store.lastAnswerMilliseconds.map { .milliseconds($0) } },
    MetricFamily(
      "store_call_duration_seconds", .histogram,
      "How long calls to the store took, those that failed among them.",
      labels: ["operation"]
    ) { $0.store.calls.flatMap(histogram) },
    MetricFamily(
      "store_call_failures_total", .counter, "Calls to the store that failed, or took too long.",
      labels: ["operation"]
    ) { $0.store.calls.map { Sample([$0.operation], .count($0.failures)) } },
  ]

  static let peers: [MetricFamily] = [
    MetricFamily(
      "peer_state", .gauge, "1 for what another node's beats say of it, else 0.", labels: ["peer", "state"]
    ) {
      status in
      status.peers.flatMap {
        states(["unknown", "alive", "late", "dead", "stopped"], is: $0.beat, of: [$0.node])
      }
    },
    peer("peer_missed_beats", "Beats that another node has missed one after the other.") {
      .count($0.missedBeats)
    },
    peer(
      "peer_beat_age_seconds",
      "Since another node's beat last changed, by this node's clock; missing where none was seen."
    ) { $0.lastBeatMilliseconds.map { .milliseconds($0) } },
    peer("peer_disagreements", "Where another node's file differs from this node's.") {
      .count($0.disagreements.count)
    },
    peer("peer_degraded", "1 while another node misses beats and is seen serving.") {
      .flag(!$0.degraded.isEmpty)
    },
    peer("peer_drained", "1 while another node is drained.") { .flag($0.drained != nil) },
  ]

  private static func histogram(_ calls: NodeStatus.StoreCalls) -> [Sample] {
    var sum = 0
    return calls.upTo.map { bucket in
      sum += bucket.count
      return Sample(
        [calls.operation, MetricValue.milliseconds(bucket.milliseconds).text], .count(sum), suffix: "_bucket")
    } + [
      Sample([calls.operation, "+Inf"], .count(calls.count), suffix: "_bucket"),
      Sample([calls.operation], .microseconds(calls.microseconds), suffix: "_sum"),
      Sample([calls.operation], .count(calls.count), suffix: "_count"),
    ]
  }
}
