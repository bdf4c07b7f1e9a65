import Foundation
import Synchronization

@testable import Sidecar

extension NodeStatus {
  /// Node a, well, which owns `home` and could adopt `work`.
  static var well: NodeStatus {
    NodeStatus(
      node: "a", state: "running", uptimeSeconds: 7384,
      health: Health(
        healthy: true, beating: true, reasons: [], loopAgeMilliseconds: 40, loopLimitMilliseconds: 4000,
        probes: [
          Probe(subject: "nfs v3 tcp on 127.0.0.1", ok: true, failures: 0, milliseconds: 3, problem: nil)
        ]),
      store: Store(
        location: "directory:/srv/lockferry", reachable: true, problem: nil, lastAnswerMilliseconds: 12),
      peers: [
        Peer(node: "b", beat: "alive", missedBeats: 0, lastBeatMilliseconds: 312, disagreements: []),
        Peer(node: "c", beat: "unknown", missedBeats: 0, lastBeatMilliseconds: nil, disagreements: []),
      ],
      services: [
        Service(
          service: "home", state: "online", owner: "a", epoch: 3, home: "a", candidates: ["a", "b"],
          candidate: false, whyNotCandidate: [], address: "10.0.0.10", plan: nil,
          mirror: Mirror(
            statusDirectory: "/var/lib/nfs", recordsSeen: 12, recordsMirrored: 12, lagMilliseconds: 0,
            retained: 0, departing: 0, frozen: false, frozenBecause: [], refused: [], commits: 4, problem: nil
          )),
        Service(
          service: "work", state: "online", owner: "b", epoch: 1, home: "b", candidates: ["b", "a"],
          candidate: true, whyNotCandidate: [], address: nil, plan: nil, mirror: nil),
      ], warnings: [], mode: "online", homeServices: 1)
  }
}

extension HistoryEntry {
  /// An adoption of `home` by b, one of whose clients was not told.
  static var adoption: HistoryEntry {
    var entry = HistoryEntry(
      number: 2, service: "home", kind: "adoption", from: "a", to: "b", epoch: 4,
      because: "missed beats of a", startedAt: "2026-01-02T03:04:05.678Z", milliseconds: 2_345,
      outcome: "done", problem: nil, stateNumber: 7, steps: [], names: ["nfs.example.com", "nfs"])
    let clients: [Client] = [
      .init(
        client: "one", told: true, address: "10.0.0.11", attempts: 2, firstAnswerMilliseconds: 3,
        toldMilliseconds: 5),
      .init(client: "two", told: false, problem: "no answer"),
    ]
    entry.count(clients)
    entry.clients = clients
    return entry
  }
}

/// A daemon that says what the test tells it to say; what is tested is everything between it and the operator.
final class ScriptedDaemon: ControlService {
  let node: Mutex<NodeStatus>
  let requests = Mutex<[RequestBody]>([])
  let marks = Mutex<[String]>([])
  let thawed = Mutex<[String]>([])
  let unheld = Mutex<[String]>([])
  let reports = Mutex<[(request: ReportRequest, actor: String)]>([])
  let polls = Mutex(0)
  /// How often a migration is still running when asked for.
  let pollsUntilDone: Int
  let outcome: String

  init(_ status: NodeStatus = .well, pollsUntilDone: Int = 0, outcome: String = "done") {
    node = Mutex(status)
    self.pollsUntilDone = pollsUntilDone
    self.outcome = outcome
  }

  func status() async -> NodeStatus { node.withLock { $0 } }

  func records(service: String?) async throws(ControlError) -> [RecordStatus] {
    switch service {
    case "hangs":
      try? await Task.sleep(for: .seconds(300))
      throw ControlError(.indeterminate, "cancelled")
    case "storeless": throw ControlError(.storeUnavailable, "the store directory:/srv does not answer")
    case nil, "home":
      return [
        RecordStatus(
          service: "home", client: "client.example.com", monNames: ["client.example.com"],
          myNames: ["nfs.example.com"], bytes: 94, state: "mirrored", problems: [])
      ]
    default: throw ControlError(.noSuchObject, "no service \(service ?? "")")
    }
  }

  func history(service: String?) async throws(ControlError) -> [HistoryEntry] {
    guard service == nil else { return [] }
    var entry = HistoryEntry.adoption
    entry.clients = nil
    return [entry]
  }

  func historyEntry(service: String, number: Int) async throws(ControlError) -> HistoryEntry {
    guard service == "home", number == 2 else {
      throw ControlError(.noSuchObject, "no entry \(number) in the history of \(service)")
    }
    return .adoption
  }

  func ask(_ request: RequestBody) async throws(ControlError) -> RequestStatus {
    guard request.service == "home" else { throw ControlError(.exists, "16 requests wait already") }
    guard request.to != "z" else { throw ControlError(.preconditionFailed, "node z is not a candidate") }
    requests.withLock { $0.append(request) }
    return RequestStatus(
      id: request.dryRun ? "" : "home/4", service: request.service, action: request.action,
      state: request.dryRun ? "planned" : "pending",
      steps: [
        .init(
          node: request.to ?? "a", step: "claim", detail: "take epoch 4", state: "planned", milliseconds: nil)
      ])
  }

  func request(id: String) async throws(ControlError) -> RequestStatus {
    guard id == "home/4" else { throw ControlError(.noSuchObject, "no request \(id)") }
    let isDone = polls.withLock { polls in
      polls += 1
      return polls > pollsUntilDone
    }
    return RequestStatus(
      id: id, service: "home", action: nil, state: isDone ? outcome : "running", steps: [],
      problem: isDone && outcome == "failed" ? "the fence said no" : nil)
  }

  func cancel(service: String, _ request: CancelRequest) async throws(ControlError) -> RequestStatus {
    guard service == "home" else { throw ControlError(.noSuchObject, "no service \(service)") }
    guard request.id != "m-0" else { throw ControlError(.preconditionFailed, "home: its turn has come") }
    return RequestStatus(
      id: request.id, service: service, action: nil, state: "cancelled", steps: [],
      problem: "cancelled by \(request.actor)\(request.because.map { ": \($0)" } ?? "")")
  }

  func pause(_ request: MarkRequest, _ isPaused: Bool) async throws(ControlError) -> PauseStatus {
    marks.withLock { $0.append(isPaused ? "pause: \(request.because ?? "")" : "resume") }
    return PauseStatus(paused: isPaused ? Self.mark(request) : nil)
  }

  func drain(
    node: String, _ request: MarkRequest, _ isDrained: Bool
  ) async throws(ControlError) -> DrainStatus {
    var status = try await drain(of: node)
    guard !request.dryRun else { return status }
    marks.withLock { $0.append("\(isDrained ? "drain" : "undrain") \(node)") }
    status.drained = isDrained ? Self.mark(request) : nil
    return status
  }

  func drain(of node: String) async throws(ControlError) -> DrainStatus {
    guard node == "a" else { throw ControlError(.noSuchObject, "no node \(node)") }
    let isOver = polls.withLock { polls in
      polls += 1
      return polls > pollsUntilDone
    }
    return DrainStatus(
      node: node, drained: Self.mark(MarkRequest(actor: "root")),
      services: [.init(service: "solo", to: nil, why: "it has no other candidate")]
        + (isOver ? [] : [.init(service: "home", to: "b", why: "b is the best")]))
  }

  private static func mark(_ request: MarkRequest) -> NodeStatus.Mark {
    .init(actor: request.actor, because: request.because ?? "", since: "2026-01-01T00:00:00Z")
  }

  func unhold(service: String) async throws(ControlError) {
    guard service == "home" else { throw ControlError(.noSuchObject, "no service \(service)") }
    unheld.withLock { $0.append(service) }
  }

  func report(_ request: ReportRequest, actor: String) async throws(ControlError) -> NodeStatus.Report {
    guard request.node != "none" else { throw ControlError(.noSuchObject, "no node none") }
    reports.withLock { $0.append((request, actor)) }
    return NodeStatus.Report(
      node: request.node, source: request.source ?? "", state: request.state, because: request.because,
      actor: actor, at: "2026-11-21T12:00:00.000Z", secondsLeft: 600)
  }

  func thaw(service: String) async throws(ControlError) {
    guard service == "home" else { throw ControlError(.noSuchObject, "no service \(service)") }
    thawed.withLock { $0.append(service) }
  }

  /// Five clients, one more told with every look.
  let toldSoFar = Mutex(0)
  let notifications = Mutex<[NotificationRequest]>([])

  func notify(
    service: String, _ request: NotificationRequest
  ) async throws(ControlError) -> NotificationStatus {
    guard request.force else { throw ControlError(.unsafe, "no grace period runs here") }
    notifications.withLock { $0.append(request) }
    return try await notification(service: service)
  }

  func notification(service: String) async throws(ControlError) -> NotificationStatus {
    guard service == "home" else { throw ControlError(.noSuchObject, "no service \(service)") }
    let told = toldSoFar.withLock { told in
      defer { told += 1 }
      return min(told, 5)
    }
    return NotificationStatus(
      service: "home", epoch: 3, stateNumber: 7, all: 5, told: told, underWay: 0, milliseconds: 10 * told,
      graceLeftMilliseconds: 40_000, ended: told == 5 ? "all were told" : nil)
  }

  func drill(service: String, _ request: DrillRequest) async throws(ControlError) -> DrillReport {
    guard service == "home" else { throw ControlError(.noSuchObject, "no service \(service)") }
    let isShort = request.limitMilliseconds < 1_000
    return DrillReport(
      service: "home", node: "b", all: 2, reached: isShort ? 1 : 2, milliseconds: 4,
      notificationMilliseconds: 8,
      graceMilliseconds: 50_000, names: ["nfs.example.com", "nfs"],
      clients: [
        .init(
          client: "10.0.0.11", told: true, address: "10.0.0.11", names: [], attempts: 1, toldMilliseconds: 4),
        .init(
          client: "10.0.0.12", told: !isShort, problem: isShort ? "no answer" : nil, address: "10.0.0.12"),
      ])
  }
}

/// A folder that is gone afterwards; the path is short enough for a socket in it.
func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
  let path = "/tmp/lockferry-\(UUID().uuidString.prefix(8))"
  try FileManager.default.createDirectory(
    atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try await body(path)
}
