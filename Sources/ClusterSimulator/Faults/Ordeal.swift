import Cluster
import StatusMonitor

/// One run: a schedule of faults, then calm, then the question whether everything is well.
public struct Ordeal {
  /// How long after the last fault everything has to be well, in true microseconds.
  static let bound = 45_000_000
  /// How long after the last fault it goes on whatever is well: for what leaves the store late, and what was sent late.
  static let settling = 20_000_000

  /// How a run ended.
  public struct Report: Sendable, Equatable {
    /// The schedule.
    public var schedule: Schedule
    /// What was broken; nil where nothing was.
    public var violation: Violation?
    /// How often an invariant was looked at.
    public var checks: Int
    /// Events played.
    public var events: Int
    /// Microseconds that passed in the world.
    public var simulated: Int
    /// Claims of services that succeeded.
    public var claims: Int
    /// Locks granted, lost to clients that were told so, and records deleted after departures.
    public var locksGranted: Int
    /// Locks that clients could not reclaim, and know it.
    public var locksLost: Int
    /// Records that left the store.
    public var deletions: Int
    /// Notifications that clients heard.
    public var clientsTold: Int
    /// What was permitted, and how often.
    public var permissions: [Permission: Int]
    /// The story, if it was asked for.
    public var transcript: Transcript
  }

  /// Plays `schedule` to its end, or to the first broken invariant.
  public static func run(_ schedule: Schedule, isTraced: Bool = false) -> Report {
    var world = SimulatedWorld(seed: schedule.seed, shape: schedule.shape, isTraced: isTraced)
    for node in schedule.shape.nodes {
      world.schedule(after: schedule.powerOn[node] ?? 0) { $0.powerOn(node) }
    }
    for client in schedule.shape.clients {
      world.schedule(after: 5_000_000, onClient: client.name) { $0.live(client.name) }
    }
    for fault in schedule.faults { world.schedule(after: fault.at) { $0.strike(fault) } }
    world.keepPast()
    world.watch()
    if isTraced {
      world.chronicle = Chronicle()
      world.observe()
    }
    world.run(until: schedule.calmAt)
    world.calmDown()
    let ledger = world.ledger
    return Report(
      schedule: schedule, violation: ledger.violation.flatMap { $0.isPermitted ? nil : $0 },
      checks: ledger.checks, events: world.events,
      simulated: world.now, claims: ledger.claims, locksGranted: ledger.locksGranted,
      locksLost: ledger.locksLost,
      deletions: ledger.deletions, clientsTold: ledger.clientsTold, permissions: ledger.permissions,
      transcript: world.transcript)
  }
}

extension SimulatedWorld {
  /// Now and then everything is looked at, whatever the last event touched.
  mutating func watch() {
    for service in services { checkHolders(of: service.name) }
    letGo()
    if isCalm { bringOnline() }
    schedule(after: 1_000_000) { $0.watch() }
  }

  fileprivate mutating func calmDown() {
    guard ledger.violation == nil else { return }
    note("calm")
    heal()
    // Confirmed orders are answered before anybody comes back.
    for _ in 0..<30 where !keptOff.isEmpty && ledger.violation == nil {
      for node in shape.nodes where keptOff[node] == nil { powerOn(node) }
      run(until: now + 1_000_000)
    }
    keptOff = [:]
    for node in shape.nodes {
      powerOn(node)
      startDaemon(node)
    }
    // A few seeds go on to the bound, though all is well long before.
    let end = now + Ordeal.bound
    run(until: numbers.chance(10) ? end : now + Ordeal.settling)
    while now < end, ledger.violation == nil, !isWell { run(until: min(now + 1_000_000, end)) }
    guard ledger.violation == nil else { return }
    checkEnd()
  }
}
