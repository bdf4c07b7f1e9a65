public import Cluster
public import StatusMonitor

/// What would happen to a cluster: everything that follows from what it is and from what is done to it.
///
/// The decisions are those of the very values that the daemon runs. How long an operator's commands take nobody
/// knows here: each step takes at most 50 ms.
public struct Forecast: Sendable, Equatable {
  /// Something that happened, told in a line.
  public struct Moment: Sendable, Equatable {
    /// Milliseconds since the beginning.
    public var at: Int
    /// For people.
    public var text: String
  }

  /// A plan as the history would show it.
  public struct Entry: Sendable, Equatable {
    /// Counts up per service from 1.
    public var number: Int
    /// The plan; nil for a request that ended without one, and for a notification that an operator asked for.
    public var plan: Plan?
    /// `adoption`, `opening`, `release`, `closing`, `notification` or `request`.
    public var kind: String
    /// The service.
    public var service: ServiceName
    /// The epoch.
    public var epoch: UInt64
    /// Why.
    public var because: String
    /// The request that it answered.
    public var request: String?
    /// Milliseconds since the beginning of the run.
    public var startedAt: Int
    /// From the first step to the end.
    public var milliseconds: Int
    /// `done`, `failed`, or `running` where the run ended first.
    public var outcome: String
    /// Why it failed, or fails.
    public var problem: String?
    /// The number that clients are told.
    public var stateNumber: Int32?
    /// The steps in order.
    public var steps: [Step]
    /// Who was to be told, by name, and milliseconds until they were; nil: not yet.
    public var clients: [ClientName: Int?]
  }

  /// A step of a plan.
  public struct Step: Sendable, Equatable {
    /// Which.
    public var kind: PlanStep.Kind?
    /// What it did, or why not.
    public var detail: String
    /// `done`, `skipped` or `failed`.
    public var state: String
    /// Milliseconds from the start of the plan to the start of the step.
    public var startedAt: Int
    /// How long it took.
    public var milliseconds: Int
  }

  /// How a service fared.
  public struct Service: Sendable, Equatable {
    /// The service.
    public var name: ServiceName
    /// The owner key in the end; nil where it was never owned.
    public var ownership: Ownership?
    /// Clients can reach it in the end.
    public var isServed: Bool
    /// Since it was first served, for how many milliseconds nobody served it, to a tenth of a second.
    public var unserved: Int
  }

  /// What happened, oldest first.
  public var moments: [Moment]
  /// The history of all services, in the order in which it was written.
  public var entries: [Entry]
  /// The services.
  public var services: [Service]
  /// What was asked would still wait in the end.
  public var isPending: Bool
  /// What could not be helped, and how often.
  public var permissions: [Permission: Int]
  /// A promise that was broken: a mistake in lockferry.
  public var violation: Violation?

  /// Plays `schedule` until ``Schedule/calmAt``; nothing is healed in the end.
  ///
  /// - Parameter start: how long the cluster runs before the schedule begins. What happens meanwhile is not told, and
  ///   all times count from its end.
  public static func run(_ schedule: Schedule, after start: Duration = .zero) -> Forecast {
    let origin = start.wholeMicroseconds
    var world = SimulatedWorld(seed: schedule.seed, shape: schedule.shape)
    world.chronicle = Chronicle()
    for node in schedule.shape.nodes {
      world.schedule(after: schedule.powerOn[node] ?? 0) { $0.powerOn(node) }
    }
    for client in schedule.shape.clients {
      world.schedule(after: 5_000_000, onClient: client.name) { $0.live(client.name) }
    }
    for fault in schedule.faults {
      world.schedule(after: origin + fault.at) { $0.strike(fault) }
      guard fault.kind.form.hasLength, fault.at + fault.length < schedule.calmAt else { continue }
      world.schedule(after: origin + fault.at + fault.length) { $0.announce("— over: \(fault)") }
    }
    world.chronicle?.origin = origin
    world.keepPast()
    world.watch()
    world.observe()
    world.run(until: origin + schedule.calmAt)
    return world.forecast()
  }
}
