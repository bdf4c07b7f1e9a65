import Testing

@testable import Cluster
@testable import ClusterSimulator

/// A few nodes at one store, in lock step: every call to the store answers at once, unless a fault says otherwise.
struct SmallWorld {
  struct Node {
    var instance: NodeInstance
    /// No call reaches the store.
    var isCut = false
    /// What is written is written, but its answer is lost.
    var losesAnswers = false
    /// Of transitions only.
    var losesTransitions = false
    /// Transitions never reach the store.
    var hangsBeforeClaims = false
    /// Reads work, writes fail.
    var isReadOnly = false
    /// Neither daemon nor machine runs.
    var isDead = false
    /// The plans that run, until the test ends them.
    var plans: [ServiceName: Plan] = [:]
    var plan: Plan? { plans["home"] }
    /// All directives but beats and looks, in order.
    var directives: [NodeDirective] = []
    var lastRenewal: Renewal?
    /// How many beats it sent.
    var renewals = 0
  }

  var store = SimulatedStore()
  var nodes: [NodeName: Node] = [:]
  /// What the nodes say of themselves in the store.
  var eligibility: [NodeName: Eligibility] = [:]
  /// What witnesses say of a node; `.notSeen` where it is not here, no answer at all where it is nil.
  var witnesses: [NodeName: WitnessAnswer?] = [:]
  /// What each node bids in a vote; the usual where it is not here.
  var priorities: [NodeName: Int] = [:]
  /// The load of each node's machine.
  var loads: [NodeName: Load] = [:]
  /// How often each node asked them.
  var askers: [NodeName: Int] = [:]
  var questions: Int { askers.values.reduce(0, +) }
  var adoption = AdoptionPolicy()
  var now = at(.seconds(1000))
  var timings = BeatTimings()
  var services: [ServiceDefinition] = [.named()]
  /// Plans end well in the step after they began.
  var finishesPlans = true

  /// A healthy daemon of `name` begins; the machine's boot and the daemon's place are made from `boot`.
  mutating func start(
    _ name: NodeName, boot: String = "1", place: String? = nil, run: String = "r1",
    health: HealthJudge.Verdict = .healthy, withdrawn: Set<ServiceName> = []
  ) {
    let instance = DaemonInstance(place: place ?? "\(name)/boot-\(boot)", run: run)
    let services = services.map { service in
      var service = service
      service.priority = priorities[name] ?? Bid.usualPriority
      return service
    }
    let settings = NodeInstance.Settings(
      node: name, instance: instance, boot: "\(name)-\(boot)", timings: timings, staleness: .zero,
      services: services, withdrawn: withdrawn, adoption: adoption)
    var node = Node(instance: NodeInstance(settings: settings, now: now))
    #expect(node.instance.onHealth(health, now: now) == [])
    nodes[name] = node
  }

  /// `duration` passes in beat intervals.
  mutating func pass(_ duration: Duration) {
    let end = now + duration
    while now < end {
      now = now + min(timings.interval, end - now)
      for name in nodes.keys.sorted() { tick(name) }
    }
  }

  /// Passes until `condition`, a minute at most.
  mutating func pass(until condition: (SmallWorld) -> Bool, _ text: Comment = "it never came true") {
    for _ in 0..<120 where !condition(self) { pass(timings.interval) }
    let came = condition(self)
    #expect(came, text)
  }

  mutating func tick(_ name: NodeName) {
    guard nodes[name]?.isDead == false else { return }
    if finishesPlans {
      for service in (nodes[name]?.plans ?? [:]).keys.sorted() { finishPlan(name, service) }
    }
    if let due = nodes[name]?.instance.giveUpAt, due <= now { watchLease(name) }
    input(name) { $0.onTick(now: $1) }
    exchangeEligibility(name)
  }

  /// What `name` says of itself reaches those who look at the store.
  private mutating func exchangeEligibility(_ name: NodeName) {
    guard nodes[name]?.isCut == false else { return }
    if nodes[name]?.isReadOnly == false { eligibility[name] = nodes[name]?.instance.eligibility(now: now) }
    for (peer, said) in eligibility where peer != name {
      nodes[name]?.instance.onEligibility(of: peer, said)
    }
  }

  /// A tick without its look.
  mutating func beat(_ name: NodeName) {
    input(name) { instance, now in
      instance.onTick(now: now).filter { if case .look = $0 { false } else { true } }
    }
  }

  /// A look of `name` at `view`, and what witnesses say; returns the transitions that follow, which are not made.
  mutating func look(_ name: NodeName, _ view: NodeView) -> [Transition] {
    var open = nodes[name]?.instance.onLook(view, now: now) ?? []
    var found: [Transition] = []
    while !open.isEmpty {
      switch open.removeFirst() {
      case .transition(let transition): found.append(transition)
      case .askWitness(let service, let owner):
        open += nodes[name]?.instance.onWitness(service, of: owner, .notSeen, now: now) ?? []
      default: break
      }
    }
    return found
  }

  mutating func watchLease(_ name: NodeName) { input(name) { $0.onLeaseWatch(now: $1) } }

  mutating func input(_ name: NodeName, _ body: (inout NodeInstance, BootInstant) -> [NodeDirective]) {
    guard var instance = nodes[name]?.instance else { return }
    let directives = body(&instance, now)
    nodes[name]?.instance = instance
    for directive in directives { carryOut(name, directive) }
  }

  private mutating func carryOut(_ name: NodeName, _ directive: NodeDirective) {
    let isCut = nodes[name]?.isCut == true
    let isWritable = !isCut && nodes[name]?.isReadOnly == false
    let losesAnswers = nodes[name]?.losesAnswers == true
    switch directive {
    case .renew(let renewal):
      nodes[name]?.lastRenewal = renewal
      nodes[name]?.renewals += 1
      var outcome = RenewalOutcome.failed("cut")
      if isWritable { outcome = store.renew(name, renewal) }
      if losesAnswers { outcome = .failed("timed out") }
      input(name) { $0.onRenewal(outcome, of: renewal, sentAt: $1, now: $1) }
    case .look:
      if !isCut {
        // A look begins after whatever was written at the same moment.
        let view = store.view(
          startedAt: now + .nanoseconds(1), of: nodes[name]?.instance.nodesToLookAt,
          polls: nodes[name]?.instance.polls ?? [])
        input(name) { $0.onLook(view, now: $1) }
      }
    case .transition(let transition):
      nodes[name]?.directives.append(directive)
      var outcome = TransitionOutcome.failed("cut")
      if isWritable, nodes[name]?.hangsBeforeClaims == false { outcome = store.make(transition) }
      if losesAnswers || nodes[name]?.losesTransitions == true { outcome = .failed("timed out") }
      input(name) { $0.onTransition(transition, outcome, now: $1) }
    case .run(let plan):
      nodes[name]?.directives.append(directive)
      if let service = ServiceName(plan.service) { nodes[name]?.plans[service] = plan }
    case .resumePlan(let service, let epoch, _):
      nodes[name]?.directives.append(directive)
      if let journal = store.journals[service], journal.epoch == epoch {
        nodes[name]?.plans[service] = journal
      } else {
        input(name) { $0.onNoJournal(service, now: $1) }
      }
    case .stopPlan(let service):
      nodes[name]?.directives.append(directive)
      nodes[name]?.plans[service] = nil
    case .askWitness(let service, let owner):
      askers[name, default: 0] += 1
      if let answer = witnesses[owner] ?? .some(.notSeen) {
        input(name) { $0.onWitness(service, of: owner, answer, now: $1) }
      }
    case .placeBid(let placement):
      nodes[name]?.directives.append(directive)
      var outcome = BidOutcome.failed
      if isWritable { outcome = store.place(placement, by: name, load: loads[name]) }
      if losesAnswers { outcome = .failed }
      let load = loads[name]
      input(name) { $0.onBid(placement, load: load, outcome, now: $1) }
    case .withdrawBid(let service, let epoch):
      nodes[name]?.directives.append(directive)
      if isWritable { store.bids[service]?[epoch]?[name] = nil }
    case .endRequest(let end):
      nodes[name]?.directives.append(directive)
      if isWritable { store.end(end) }
    case .withdraw, .refuse, .note:
      nodes[name]?.directives.append(directive)
    }
  }

  /// The running plan of `name` ends well, if its epoch is still held.
  mutating func finishPlan(_ name: NodeName, _ service: ServiceName = "home") {
    guard let plan = nodes[name]?.plans[service], nodes[name]?.isCut == false else { return }
    endPlan(name, store.finish(plan).map { .done($0) } ?? .lost, of: service)
  }

  /// The running plan of `name` ends as told.
  mutating func endPlan(_ name: NodeName, _ outcome: PlanOutcome, of service: ServiceName = "home") {
    nodes[name]?.plans[service] = nil
    input(name) { $0.onPlanEnded(service, outcome, now: $1) }
  }

  // MARK: - What tests look at

  /// Everything that `name` directed but beats and looks; and forgets it.
  mutating func takeDirectives(_ name: NodeName) -> [NodeDirective] {
    defer { nodes[name]?.directives = [] }
    return nodes[name]?.directives ?? []
  }

  func transitions(_ name: NodeName) -> [Transition] {
    (nodes[name]?.directives ?? []).compactMap {
      if case .transition(let transition) = $0 { transition } else { nil }
    }
  }

  func withdrawals(_ name: NodeName) -> [String] {
    (nodes[name]?.directives ?? []).compactMap {
      if case .withdraw(_, let because) = $0 { because } else { nil }
    }
  }

  func activity(_ name: NodeName, _ service: ServiceName = "home") -> NodeInstance.Activity? {
    nodes[name]?.instance.services[service]?.activity
  }

  func isServed(by name: NodeName, _ service: ServiceName = "home") -> Bool {
    activity(name, service) == .serving && owner(service)?.state == .online && owner(service)?.node == name
  }

  func owner(_ service: ServiceName = "home") -> Ownership? { store.ownership(service) }

  mutating func ask(_ request: ServiceRequest, _ service: ServiceName = "home") {
    store.ask(request, service)
  }

  /// Three nodes run; `a` serves, all of them have seen one another beat.
  static func serving(
    services: [ServiceDefinition] = [.named()], nodes: [NodeName] = ["a", "b", "c"]
  ) -> SmallWorld {
    var world = SmallWorld()
    world.services = services
    for node in nodes { world.start(node) }
    world.pass(.seconds(5))
    #expect(world.isServed(by: "a"))
    for node in nodes { _ = world.takeDirectives(node) }
    return world
  }
}
