/// Services, plans, records and clients.
extension MetricFamily {
  static let services: [MetricFamily] = [
    MetricFamily(
      "service_state", .gauge, "1 for a service's state, else 0.", labels: ["service", "state"]
    ) { status in
      status.services.flatMap { states(serviceStates, is: $0.state, of: [$0.service]) }
    },
    MetricFamily(
      "service_mode", .gauge, "1 for what this node does for a service, else 0.", labels: ["service", "mode"]
    ) { status in
      status.services.flatMap { states(["online", "failover", "offline"], is: $0.mode, of: [$0.service]) }
    },
    MetricFamily(
      "service_owner", .gauge, "1 for the candidate that owns a service, or owned it last, else 0.",
      labels: ["service", "node"]
    ) { status in
      status.services.flatMap { states($0.candidates, is: $0.owner ?? "", of: [$0.service]) }
    },
    service("service_epoch", .gauge, "A service's epoch; 0 where it was never owned.") { .count($0.epoch) },
    MetricFamily(
      "service_transitions_total", .counter,
      "How often a service came into service on this node, or left it.",
      labels: ["service", "to"]
    ) { status in
      status.services.flatMap { service in
        [
          Sample(
            [service.service, service.home == status.node ? "online" : "failover"],
            .count(service.cameIntoService)),
          Sample([service.service, "offline"], .count(service.leftService)),
        ]
      }
    },
    service("service_stranded", .gauge, "1 while nobody can serve a service: its clients wait.") {
      .flag($0.stranded != nil)
    },
    service("service_held", .gauge, "1 while a service is not moved though its owner is silent or unwell.") {
      .flag($0.held != nil)
    },
    service("service_candidate", .gauge, "1 where this node could adopt a service now; its owner could not.")
    {
      .flag($0.candidate)
    },
    service(
      "service_ineligible_candidates", .gauge,
      "Candidates that could not take a service now, without its owner."
    ) {
      .count($0.ineligible.count)
    },
    service("service_requests", .gauge, "Requests for a service that have not ended.") {
      .count($0.requests.count)
    },
    MetricFamily(
      "service_plan_running", .gauge, "1 for the plan that this node runs for a service.",
      labels: ["service", "plan"]
    ) { status in
      status.services.compactMap { service in
        service.plan.map { Sample([service.service, $0.kind], .count(1)) }
      }
    },
    service(
      "service_plan_failing", .gauge,
      "1 while the last step of a service's plan has failed and is tried again."
    ) {
      .flag($0.plan?.problem != nil)
    },
  ]

  static let plans: [MetricFamily] = [
    MetricFamily(
      "plans_total", .counter, "Plans of this node that ended, by how they ended.",
      labels: ["plan", "outcome"]
    ) { $0.plans.map { Sample([$0.plan, $0.outcome], .count($0.count)) } },
    MetricFamily(
      "plan_step_duration_seconds", .summary,
      "How long the steps of this node's plans took, those that failed among them.",
      labels: ["plan", "step"]
    ) { status in
      status.steps.flatMap { step in
        [
          Sample([step.plan, step.step], .milliseconds(step.milliseconds), suffix: "_sum"),
          Sample([step.plan, step.step], .count(step.count), suffix: "_count"),
        ]
      }
    },
    MetricFamily(
      "plan_step_failures_total", .counter, "Steps of this node's plans that failed.",
      labels: ["plan", "step"]
    ) { $0.steps.map { Sample([$0.plan, $0.step], .count($0.failures)) } },
  ]

  static let records: [MetricFamily] = [
    mirror("mirror_records_seen", "Records in the status directory.") { .count($0.recordsSeen) },
    mirror("mirror_records_mirrored", "Of these, durable in the store as they are.") {
      .count($0.recordsMirrored)
    },
    mirror("mirror_lag_seconds", "Age of the oldest record that is not yet in the store; 0 when none is.") {
      .milliseconds($0.lagMilliseconds)
    },
    mirror("mirror_frozen", "1 while no record is deleted from the store.") { .flag($0.frozen) },
    mirror(
      "mirror_records_retained", "Records that the store keeps though the status directory has them no more."
    ) {
      .count($0.retained)
    },
    mirror("mirror_records_departing", "Departures that wait for their delay.") { .count($0.departing) },
    mirror("mirror_files_refused", "Files that are not taken for records.") { .count($0.refused.count) },
    mirror("mirror_failing", "1 while the last commit to the store has failed.") { .flag($0.problem != nil) },
    mirror(
      "mirror_commits_total", "Transactions with records since this node owns the service.", kind: .counter
    ) {
      .count($0.commits)
    },
    mirror(
      "mirror_deletions_total", "Records deleted from the store since this node owns the service.",
      kind: .counter
    ) {
      .count($0.deletions)
    },
    MetricFamily(
      "callouts_total", .counter,
      "New clients of which rpc.statd's callout told, by what became of their records.",
      labels: ["outcome"]
    ) { status in
      status.callout.map {
        [
          Sample(["durable"], .count($0.durable)), Sample(["late"], .count($0.late)),
          Sample(["not_durable"], .count($0.notDurable)), Sample(["not_mirrored"], .count($0.notMirrored)),
        ]
      } ?? []
    },
    one("callout_heard", .gauge, "1 where rpc.statd's callout has been heard since the daemon started.") {
      $0.callout.map { .flag($0.source == "callout") }
    },
    one("callout_departures_total", .counter, "Clients that rpc.statd's callout said it forgot.") {
      $0.callout.map { .count($0.departures) }
    },
    one("callout_restarts_total", .counter, "Hosts that said that they had restarted.") {
      $0.callout.map { .count($0.restarts) }
    },
    one("callout_spooled_total", .counter, "Callouts that were found in the spool.") {
      $0.callout.map { .count($0.spooled) }
    },
    MetricFamily(
      "notification_clients", .gauge,
      "Clients of the last notification of a service by this node, by whether they were told.",
      labels: ["service", "outcome"]
    ) { status in
      status.services.flatMap { service in
        service.notification.map {
          [
            Sample([service.service, "told"], .count($0.told)),
            Sample([service.service, "untold"], .count($0.all - $0.told)),
          ]
        } ?? []
      }
    },
    notification("notification_running", "1 while clients of a service are being told.") {
      .flag($0.ended == nil)
    },
    notification(
      "notification_grace_left_seconds",
      "What is left of the grace period in which they can reclaim; missing where unknown."
    ) { $0.graceLeftMilliseconds.map { .milliseconds($0) } },
    MetricFamily(
      "recovery_clients", .gauge,
      "Clients of a service that this node adopted last, by what is known of their locks.",
      labels: ["service", "outcome"]
    ) { status in
      status.services.flatMap { service in
        service.recovery.map { recovery in
          [
            ("pending", recovery.pending), ("registered", recovery.registered), ("safe", recovery.safe),
            ("possibly_lost", recovery.possiblyLost), ("lost", recovery.lost),
          ].map { Sample([service.service, $0], .count($1)) }
        } ?? []
      }
    },
    recovery("recovery_open", "1 while clients of an adopted service may still reclaim their locks.") {
      .flag($0.state == "open")
    },
    recovery(
      "recovery_locks_held",
      "Locks that clients held when an adopted service was released; missing where nobody could know."
    ) { $0.locksHeld.map { .count($0) } },
    recovery("recovery_locks_back", "Of these, back on this node; missing where nobody counts.") {
      $0.locksBack.map { .count($0) }
    },
  ]

  private static let serviceStates = [
    "unknown", "unowned", "adopting", "online", "withdrawn", "releasing", "released", "offline", "closed",
  ]

  private static func mirror(
    _ name: String, _ help: String, kind: Kind = .gauge,
    _ value: @escaping @Sendable (NodeStatus.Mirror) -> MetricValue?
  ) -> MetricFamily {
    service(name, kind, help) { $0.mirror.flatMap(value) }
  }

  private static func notification(
    _ name: String, _ help: String, _ value: @escaping @Sendable (NotificationStatus) -> MetricValue?
  ) -> MetricFamily {
    service(name, .gauge, help) { $0.notification.flatMap(value) }
  }

  private static func recovery(
    _ name: String, _ help: String, _ value: @escaping @Sendable (HistoryEntry.Recovery) -> MetricValue?
  ) -> MetricFamily {
    service(name, .gauge, help) { $0.recovery.flatMap(value) }
  }
}
