import Cluster
import StatusMonitor

/// The shared store as the core sees it: beats, owner keys, requests and journals, and compare-and-set.
struct SimulatedStore {
  var beats: [NodeName: [UInt8]] = [:]
  var owners: [ServiceName: [UInt8]] = [:]
  var requests: [ServiceName: [UInt8]] = [:]
  var drains: [NodeName: [UInt8]] = [:]
  var pause: [UInt8]?
  /// How requests ended, oldest first: what the history would say.
  var ended: [ServiceName: [EndedRequest]] = [:]
  /// The running plan of a service.
  var journals: [ServiceName: Plan] = [:]
  /// How many of its steps are done.
  var journalsDone: [ServiceName: Int] = [:]
  /// The state number that it chose.
  var journalsNumber: [ServiceName: Int32] = [:]
  /// Records, byte for byte.
  var records: [ServiceName: [ClientName: [UInt8]]] = [:]
  /// The highest state number that clients may have been told.
  var stateNumbers: [ServiceName: Int32] = [:]
  /// What candidates bid, by service and epoch.
  var bids: [ServiceName: [UInt64: [NodeName: [UInt8]]]] = [:]
  /// What nodes say of themselves.
  var eligibility: [NodeName: Eligibility] = [:]
  /// What is said of nodes' health.
  var reports: [ReportKey: [UInt8]] = [:]
  /// Every value that an owner key has had.
  var ownerHistory: [ServiceName: [Ownership]] = [:]

  func ownership(_ service: ServiceName) -> Ownership? { owners[service].flatMap(Ownership.init(bytes:)) }

  struct EndedRequest: Equatable {
    var id: String
    /// Why it was not carried out; nil where it was.
    var problem: String?
  }

  func queue(_ service: ServiceName) -> RequestQueue {
    requests[service].flatMap(RequestQueue.init(bytes:)) ?? RequestQueue()
  }

  /// The last problem with which a request of `service` ended.
  func problem(_ service: ServiceName) -> String? { ended[service]?.last?.problem }

  mutating func ask(_ request: ServiceRequest, _ service: ServiceName) {
    var queue = queue(service)
    if queue.append(request) { requests[service] = queue.bytes }
  }

  mutating func end(_ end: RequestEnd) {
    guard owners[end.service] == end.owner else { return }
    let problem: String? =
      switch end.outcome {
      case .done: nil
      case .failed(let text), .cancelled(let text): text
      }
    remove(end.request, end.service, problem)
  }

  private mutating func remove(_ request: ServiceRequest, _ service: ServiceName, _ problem: String?) {
    var queue = queue(service)
    guard queue.remove(request.id) else { return }
    requests[service] = queue.bytes
    ended[service, default: []].append(EndedRequest(id: request.id, problem: problem))
  }

  /// - Parameters:
  ///   - nodes: whose beats it shows; all where it is nil.
  ///   - polls: the bids that it shows.
  func view(startedAt: BootInstant, of nodes: [NodeName]? = nil, polls: [Poll] = []) -> NodeView {
    let shown = beats.filter { nodes?.contains($0.key) ?? true }
    var view = NodeView(
      startedAt: startedAt, beats: shown, owners: owners, requests: requests, drains: drains, pause: pause)
    for poll in polls { view.bids[poll.service] = bids[poll.service]?[poll.epoch] }
    return view
  }

  mutating func place(_ placement: BidPlacement, by node: NodeName, load: Load?) -> BidOutcome {
    guard owners[placement.service] == placement.owner else { return .tooLate }
    bids[placement.service, default: [:]][placement.epoch, default: [:]][node] =
      placement.bid(load: load).bytes
    return .placed
  }

  mutating func renew(_ node: NodeName, _ renewal: Renewal) -> RenewalOutcome {
    guard beats[node] == renewal.expectedBeat else { return .foreignBeat(actual: beats[node]) }
    for (service, bytes) in renewal.owners.sorted(by: { $0.key < $1.key }) where owners[service] != bytes {
      return .ownerChanged(service, actual: owners[service])
    }
    beats[node] = renewal.beat
    return .renewed
  }

  mutating func make(_ transition: Transition) -> TransitionOutcome {
    guard owners[transition.service] == transition.expected else { return .conflict }
    if let silent = transition.silentBeat, beats[silent.node] != silent.bytes { return .conflict }
    if let asked = transition.requests, requests[transition.service] != asked { return .conflict }
    if transition.unlessPaused, pause != nil { return .conflict }
    if transition.unlessDrained, drains[transition.ownership.node] != nil { return .conflict }
    set(transition.service, transition.ownership)
    if transition.removesBids { bids[transition.service]?[transition.ownership.epoch] = nil }
    journals[transition.service] = transition.plan
    journalsDone[transition.service] = 0
    journalsNumber[transition.service] = nil
    return .done
  }

  mutating func set(_ service: ServiceName, _ ownership: Ownership) {
    owners[service] = ownership.bytes
    ownerHistory[service, default: []].append(ownership)
  }

  /// The fence has confirmed that they are off.
  mutating func forgetUnfenced(_ service: ServiceName) {
    guard var ownership = ownership(service) else { return }
    ownership.unfenced = []
    set(service, ownership)
  }

  /// The last step of `plan`, under its epoch; nil where the epoch is gone.
  mutating func finish(_ plan: Plan, boot: String? = nil) -> Ownership? {
    guard let service = ServiceName(plan.service), var ownership = ownership(service),
      ownership.node.text == plan.node, ownership.epoch == plan.epoch
    else { return nil }
    if plan.kind == .resumption { return ownership }
    ownership.state = plan.outcome
    ownership.reservedFor = plan.kind == .release ? plan.to.flatMap(NodeName.init) : nil
    ownership.boot = boot ?? ownership.boot
    if plan.outcome == .online { (ownership.unfenced, ownership.tried) = ([], []) }
    set(service, ownership)
    journals[service] = nil
    if let request = queue(service).answered(by: plan) { remove(request, service, nil) }
    return ownership
  }
}
