import Cluster
public import ClusterSimulator
import StatusMonitor

/// What would happen: the answer of `lockferry simulate`.
public struct ForecastStatus: Codable, Sendable, Equatable {
  /// Where the random numbers began.
  public var seed: Int
  /// For how long the cluster was watched.
  public var milliseconds: Int
  /// Whose cluster it is.
  public var nodes: [String]
  /// What happened, oldest first.
  public var events: [Event]
  /// The history, as a real one; ``HistoryEntry/startedAt`` is the time since the beginning, as in `16047ms`.
  public var history: [HistoryEntry]
  /// How each service fared.
  public var services: [Service]
  /// What could not be helped, see docs/failure-model.md.
  public var permitted: [String]
  /// A promise that was broken, which is a mistake in lockferry; nil as it should be.
  public var broken: String?

  /// Something that happened.
  public struct Event: Codable, Sendable, Equatable {
    /// Milliseconds since the beginning.
    public var milliseconds: Int
    /// For people.
    public var what: String
  }

  /// How a service fared.
  public struct Service: Codable, Sendable, Equatable {
    /// The service.
    public var service: String
    /// Of the owner key in the end; `unowned` where there is none.
    public var state: String
    /// The owner in the end, or the last one.
    public var owner: String?
    /// In the end.
    public var epoch: Int
    /// Clients can reach it in the end.
    public var served: Bool
    /// For how long clients could not reach it.
    public var unservedMilliseconds: Int
  }

  /// The forecast of `schedule`.
  public init(_ forecast: Forecast, of schedule: Schedule) {
    seed = schedule.seed
    milliseconds = schedule.calmAt / 1000
    nodes = schedule.shape.nodes.map(\.text)
    events = forecast.moments.map { Event(milliseconds: $0.at, what: $0.text) }
    history = forecast.entries.map(HistoryEntry.init)
    services = forecast.services.map { fate in
      Service(
        service: fate.name.text, state: fate.ownership?.state.rawValue ?? "unowned",
        owner: fate.ownership?.node.text, epoch: Int(clamping: fate.ownership?.epoch ?? 0),
        served: fate.isServed, unservedMilliseconds: fate.unserved)
    }
    permitted = Permission.allCases.filter { forecast.permissions[$0] != nil }.map(\.rawValue)
    broken = forecast.violation?.description
  }
}

extension HistoryEntry {
  /// As a real history would have it.
  init(_ entry: Forecast.Entry) {
    // The daemon writes the claim into the journal before the plan begins; here it is behind by then.
    var claim: [Step] = []
    if entry.plan?.kind == .adoption || entry.plan?.kind == .opening {
      claim.append(
        Step(
          step: "claim", detail: "epoch \(entry.epoch): \(entry.because)", state: "done",
          startedAtMilliseconds: 0, milliseconds: 0))
    }
    self.init(
      number: entry.number, service: entry.service.text, kind: entry.kind, from: entry.plan?.from,
      to: entry.plan?.to, epoch: Int(clamping: entry.epoch), because: entry.because,
      startedAt: DurationText.text(.milliseconds(entry.startedAt)), milliseconds: entry.milliseconds,
      outcome: entry.outcome, problem: entry.problem, stateNumber: entry.stateNumber.map(Int.init),
      steps: claim
        + entry.steps.map {
          Step(
            step: $0.kind?.rawValue ?? "answer", detail: $0.detail, state: $0.state,
            startedAtMilliseconds: $0.startedAt, milliseconds: $0.milliseconds)
        }, request: entry.request)
    let clients = entry.clients.sorted { $0.key < $1.key }.map { name, told in
      Client(client: name.text, told: told != nil, toldMilliseconds: told)
    }
    count(clients)
    self.clients = clients.isEmpty ? nil : clients
  }
}
