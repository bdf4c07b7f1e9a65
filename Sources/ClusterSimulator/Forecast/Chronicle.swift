import Cluster
import StatusMonitor

/// What an operator would see of a run: the history, and what daemons and machines do.
struct Chronicle {
  private(set) var entries: [Forecast.Entry] = []
  var moments: [Forecast.Moment] = []
  /// Plans under way, by service.
  private(set) var drafts: [ServiceName: Forecast.Entry] = [:]
  private var stepBegan: [ServiceName: Int] = [:]
  /// Since when each service has been served, or not, in true microseconds; absent before it was served first.
  var served: [ServiceName: (isServed: Bool, since: Int)] = [:]
  var unserved: [ServiceName: Int] = [:]
  /// Services of which an alarm says that nobody can take them, or that they are held.
  var alarms: [ServiceName: Alarm] = [:]

  /// What came before is no part of the story; in true microseconds.
  var origin = 0
  /// What was waited for has not come.
  var isPending = false

  enum Alarm { case stranded, held }

  // MARK: - Plans

  /// A plan begins, or goes on after `done` steps.
  mutating func begin(_ plan: Plan, done: Int, at now: Int) {
    guard plan.kind != .resumption, let service = ServiceName(plan.service) else { return }
    if var draft = drafts[service], draft.plan == plan {
      draft.steps = Array(draft.steps.prefix(done))
      drafts[service] = draft
      return
    }
    drafts[service] = Forecast.Entry(
      number: 0, plan: plan, kind: plan.kind.rawValue, service: service, epoch: plan.epoch,
      because: plan.because, request: plan.request, startedAt: now / 1000, milliseconds: 0,
      outcome: "running", problem: nil, stateNumber: nil, steps: [], clients: [:])
  }

  mutating func stepBegins(_ service: ServiceName, at now: Int) { stepBegan[service] = now }

  /// - Parameter state: `done`, `skipped` or `failed`.
  mutating func stepEnds(
    _ service: ServiceName, _ step: PlanStep, _ state: String, number: Int32?, at now: Int
  ) {
    guard var draft = drafts[service] else { return }
    draft.stateNumber = number ?? draft.stateNumber
    if state == "failed" {
      draft.problem = "\(step.kind.rawValue) failed"
    } else {
      draft.problem = nil
      let began = max((stepBegan[service] ?? now) / 1000, draft.startedAt)
      draft.steps.append(
        Forecast.Step(
          kind: step.kind, detail: detail(step, draft), state: state, startedAt: began - draft.startedAt,
          milliseconds: state == "skipped" ? 0 : now / 1000 - began))
    }
    drafts[service] = draft
  }

  private func detail(_ step: PlanStep, _ draft: Forecast.Entry) -> String {
    guard !step.isSkipped else { return step.why }
    switch step.kind {
    case .state: return draft.stateNumber.map { "the state number is \($0)" } ?? step.why
    case .notify:
      let told = draft.clients.values.count { $0 != nil }
      return draft.clients.isEmpty ? "no client to tell" : "\(told) of \(draft.clients.count) clients told"
    default: return step.why
    }
  }

  mutating func end(_ service: ServiceName, _ outcome: PlanOutcome, at now: Int) {
    guard var draft = drafts[service] else { return }
    switch outcome {
    case .done: draft.outcome = "done"
    case .gaveUp(let problem), .handOn(let problem):
      draft.outcome = "failed"
      draft.problem = problem
    // It may go on: what the store says of it is seen then.
    default: return
    }
    draft.milliseconds = now / 1000 - draft.startedAt
    drafts[service] = nil
    append(draft)
  }

  private mutating func append(_ entry: Forecast.Entry) {
    var entry = entry
    entry.number = (entries.last { $0.service == entry.service }?.number ?? 0) + 1
    entries.append(entry)
  }

  // MARK: - What is no plan

  /// A request ends without a plan.
  mutating func requestEnded(_ end: RequestEnd, by node: NodeName, at now: Int) {
    let (outcome, text) =
      switch end.outcome {
      case .done(let text): ("done", text)
      case .failed(let text): ("failed", text)
      case .cancelled(let text): ("cancelled", text)
      }
    append(
      Forecast.Entry(
        number: 0, plan: nil, kind: "request", service: end.service,
        epoch: end.owner.flatMap(Ownership.init(bytes:))?.epoch ?? 0,
        because: "\(end.request.action.word) \(end.request.reason)", request: end.request.id,
        startedAt: now / 1000, milliseconds: 0, outcome: outcome,
        problem: outcome == "failed" ? text : nil, stateNumber: nil,
        steps: [.init(kind: nil, detail: "\(node): \(text)", state: outcome, startedAt: 0, milliseconds: 0)],
        clients: [:]))
  }

  /// `clients` are told `number` from now on; one more entry where no plan does that.
  mutating func tells(
    _ clients: Set<ClientName>, _ number: Int32, _ service: ServiceName, epoch: UInt64, at now: Int
  ) {
    let untold: [ClientName: Int?] = Dictionary(uniqueKeysWithValues: clients.map { ($0, Int?.none) })
    if let draft = drafts[service] {
      guard draft.plan?.kind == .adoption, draft.clients.isEmpty else { return }
      drafts[service]?.stateNumber = number
      drafts[service]?.clients = untold
    } else if !entries.contains(where: { $0.service == service && $0.stateNumber == number }) {
      append(
        Forecast.Entry(
          number: 0, plan: nil, kind: "notification", service: service, epoch: epoch,
          because: "an operator has clients told again", request: nil, startedAt: now / 1000, milliseconds: 0,
          outcome: "done", problem: nil, stateNumber: number, steps: [], clients: untold))
    }
  }

  /// A client has answered.
  mutating func told(_ client: ClientName, _ number: Int32, _ service: ServiceName, at now: Int) {
    func answer(_ entry: inout Forecast.Entry) {
      guard let before = entry.clients[client], before == nil else { return }
      entry.clients[client] = .some(now / 1000 - entry.startedAt)
    }
    if var draft = drafts[service], draft.stateNumber == number {
      answer(&draft)
      drafts[service] = draft
    }
    guard let index = entries.lastIndex(where: { $0.service == service && $0.stateNumber == number }) else {
      return
    }
    answer(&entries[index])
  }
}
