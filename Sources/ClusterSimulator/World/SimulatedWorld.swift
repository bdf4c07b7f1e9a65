import Cluster

/// Several nodes, each with its own clock, at one store over a bad network: the shell's loops as events.
///
/// What a daemon does one after the other is one after the other here, what it does side by side may come in any
/// order; all of it follows from the seed.
struct SimulatedWorld {
  typealias Action = (inout SimulatedWorld) -> Void

  /// A machine with its daemon.
  struct Machine {
    /// Own microseconds per million true ones.
    var rate: Int
    /// Own microseconds at the true beginning.
    var offset: Int
    /// The daemon's core; nil while no daemon runs.
    var instance: NodeInstance?
    /// Grows whenever what was under way ends: daemon killed, machine off.
    var life = 0
    var boot = 0
    var isOn = false
    var pausedUntil = 0
    var isCut = false
    var isHealthy = true
    /// The service's address is here; only a withdrawal, a release or the end of the machine takes it away.
    var holds: Set<ServiceName> = []
    var plans: [ServiceName: (plan: Plan, done: Int, token: Int)] = [:]
    var withdrawing: Set<ServiceName> = []
    /// Remembered in the run directory: until the next boot, or until it is served again.
    var withdrawn: Set<ServiceName> = []
    /// Until then only a fence could have made this machine stop: it was paused, or had no daemon.
    var excusedUntil = 0
  }

  private struct Entry {
    var time: Int
    var order: Int
    var owner: (node: NodeName, life: Int)?
    var action: Action
  }

  let timings: BeatTimings
  let services: [ServiceDefinition]
  var numbers: SeededNumbers
  var store = SimulatedStore()
  var journalsDone: [ServiceName: Int] = [:]
  var machines: [NodeName: Machine] = [:]
  /// True microseconds.
  private(set) var now = 0
  private var queue: [Entry] = []
  private var nextOrder = 0
  private var nextToken = 0
  /// The network and the store do what they should.
  var isCalm = false
  var violations: [String] = []
  var trace: [String] = []
  var claims = 0
  /// Orders whose fence an operator confirmed: the machine stays off until they are gone.
  var keptOff: [NodeName: ServiceName] = [:]

  init(seed: Int, nodes: [NodeName], services: [ServiceDefinition], timings: BeatTimings) {
    self.timings = timings
    self.services = services
    numbers = SeededNumbers(seed: seed)
    for node in nodes {
      // Two clocks run apart by 1 in 100 at most.
      machines[node] = Machine(
        rate: 1_000_000 + numbers.number(-4900...4900), offset: numbers.number(0...1_000_000_000))
    }
  }

  // MARK: - Time

  mutating func schedule(after delay: Int, for node: NodeName? = nil, _ action: @escaping Action) {
    let owner = node.flatMap { name in machines[name].map { (node: name, life: $0.life) } }
    push(Entry(time: now + max(delay, 0), order: nextOrder, owner: owner, action: action))
    nextOrder += 1
  }

  /// Runs until the true moment `end`.
  mutating func run(until end: Int) {
    while let first = queue.first, first.time <= end, violations.isEmpty {
      let entry = pop()
      now = max(now, entry.time)
      if let (node, life) = entry.owner {
        guard let machine = machines[node], machine.life == life else { continue }
        if machine.pausedUntil > now {
          var later = entry
          later.time = machine.pausedUntil
          push(later)
          continue
        }
      }
      entry.action(&self)
    }
    now = max(now, end)
  }

  private mutating func push(_ entry: Entry) {
    queue.append(entry)
    var child = queue.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard Self.isBefore(queue[child], queue[parent]) else { break }
      queue.swapAt(child, parent)
      child = parent
    }
  }

  private mutating func pop() -> Entry {
    queue.swapAt(0, queue.count - 1)
    let first = queue.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [parent * 2 + 1, parent * 2 + 2] where child < queue.count {
        if Self.isBefore(queue[child], queue[least]) { least = child }
      }
      guard least != parent else { return first }
      queue.swapAt(parent, least)
      parent = least
    }
  }

  private static func isBefore(_ left: Entry, _ right: Entry) -> Bool {
    (left.time, left.order) < (right.time, right.order)
  }

  func clock(_ node: NodeName) -> BootInstant {
    guard let machine = machines[node] else { return BootInstant(sinceBoot: .zero) }
    return BootInstant(sinceBoot: .microseconds(now * machine.rate / 1_000_000 + machine.offset))
  }

  /// What the machine's own `duration` is in true microseconds.
  func trueTime(_ duration: Duration, on node: NodeName) -> Int {
    let own = Int(duration / .microseconds(1))
    return own * 1_000_000 / (machines[node]?.rate ?? 1_000_000)
  }

  // MARK: - The store, as seen over the network

  /// A call that may be slow, lost, done twice, or done though nobody says so; nil is a call that failed.
  mutating func call<Answer>(
    from node: NodeName, _ apply: @escaping (inout SimulatedWorld) -> Answer,
    then: @escaping (inout SimulatedWorld, Answer?) -> Void
  ) {
    let timeout = trueTime(timings.storeTimeout, on: node)
    let isCut = machines[node]?.isCut == true
    var request = numbers.number(200...20_000)
    var answer = numbers.number(200...20_000)
    var isLost = isCut
    var isTwice = false
    if !isCalm {
      switch numbers.number(0...99) {
      case 0..<6: isLost = true
      case 6..<12: request = numbers.number(0...timeout * 8)
      case 12..<18: answer = numbers.number(0...timeout * 3)
      case 18..<22: isTwice = true
      default: break
      }
    }
    if isLost {
      schedule(after: timeout, for: node) { then(&$0, nil) }
      return
    }
    let isAnswered = request + answer <= timeout
    if !isAnswered { schedule(after: timeout, for: node) { then(&$0, nil) } }
    // Whoever asked may be gone when it lands; only the answer needs it.
    let (life, boot) = (machines[node]?.life, machines[node]?.boot)
    schedule(after: request) { world in
      // What a killed daemon had sent may land; what a machine had sent before it was off is gone by its next boot.
      guard world.machines[node]?.boot == boot else { return }
      var result = apply(&world)
      if isTwice { result = apply(&world) }
      guard isAnswered, world.machines[node]?.life == life else { return }
      world.schedule(after: answer, for: node) { then(&$0, result) }
    }
  }

  // MARK: - What happens to machines

  mutating func powerOn(_ node: NodeName) {
    guard machines[node]?.isOn == false, keptOff[node] == nil else { return }
    machines[node]?.isOn = true
    machines[node]?.boot += 1
    note("\(node) boots")
    startDaemon(node)
  }

  mutating func powerOff(_ node: NodeName) {
    note("\(node) is off")
    killDaemon(node)
    machines[node]?.isOn = false
    machines[node]?.holds = []
    machines[node]?.withdrawn = []
    machines[node]?.pausedUntil = 0
  }

  mutating func killDaemon(_ node: NodeName) {
    machines[node]?.life += 1
    machines[node]?.instance = nil
    machines[node]?.plans = [:]
    machines[node]?.withdrawing = []
    machines[node]?.excusedUntil = .max
  }

  mutating func startDaemon(_ node: NodeName) {
    guard let machine = machines[node], machine.isOn, machine.instance == nil else { return }
    let life = machine.life + 1
    machines[node]?.life = life
    let settings = NodeInstance.Settings(
      node: node, instance: DaemonInstance(place: "\(node)/\(machine.boot)", run: "\(life)"),
      boot: "\(node)-\(machine.boot)", timings: timings, staleness: .zero, services: services,
      withdrawn: machine.withdrawn)
    var instance = NodeInstance(settings: settings, now: clock(node))
    _ = instance.onHealth(machine.isHealthy ? .healthy : .unhealthy(["sick"]), now: clock(node))
    machines[node]?.instance = instance
    // What an earlier daemon left is gone by the end of the lease, whatever this one can reach.
    let leaseEnds = max(now, machine.pausedUntil) + trueTime(timings.lease, on: node)
    machines[node]?.excusedUntil = leaseEnds
    note("\(node) starts a daemon")
    tick(node)
    watchLease(node)
  }

  mutating func pause(_ node: NodeName, for duration: Int) {
    guard let machine = machines[node], machine.isOn else { return }
    note("\(node) is paused for \(duration / 1000) ms")
    let end = now + duration
    // What is overdue is withdrawn as soon as it goes on.
    let enough = end + trueTime(timings.stopTime, on: node) + 50_000
    machines[node]?.pausedUntil = max(machine.pausedUntil, end)
    machines[node]?.excusedUntil = max(machine.excusedUntil, enough)
  }

  mutating func note(_ text: @autoclosure () -> String) {
    trace.append("\(now / 1000) \(text())")
  }

  /// The invariant: `node` begins to serve, or to claim, and nobody else serves any more.
  mutating func expectNobodyElse(serves service: ServiceName, than node: NodeName, _ what: String) {
    // A fence closes what leases leave open, before the address is taken.
    let isFenced = services.contains { $0.name == service && $0.hasFence } && what.contains("takes")
    // It was paused in the middle of a step that it had the right to begin.
    if !isFenced, let excusedUntil = machines[node]?.excusedUntil, excusedUntil >= now { return }
    for (other, machine) in machines where other != node && machine.holds.contains(service) {
      if !isFenced, machine.excusedUntil >= now { continue }
      violations.append("\(now / 1000) ms: \(node) \(what) \(service) while \(other) serves it")
    }
  }

  /// The invariant: of those who could have stopped, one at most serves.
  mutating func checkHolders() {
    for service in services.map(\.name) {
      let holders = machines.filter { $0.value.holds.contains(service) && $0.value.excusedUntil < now }
      if holders.count > 1 {
        violations.append("\(now / 1000) ms: \(holders.keys.sorted()) serve \(service)")
      }
    }
  }

  /// The invariant: epochs only grow, and each belongs to one node.
  mutating func checkEpochs() {
    for (service, history) in store.ownerHistory {
      for (before, after) in zip(history, history.dropFirst()) {
        let isSame = before.epoch == after.epoch && before.node == after.node
        if !isSame, after.epoch != before.epoch + 1 {
          violations.append("\(service): \(before) was followed by \(after)")
        }
        if before.state == .released, isSame, after.state != .released {
          violations.append("\(service): \(before) came back as \(after)")
        }
      }
    }
  }

  mutating func nextPlanToken() -> Int {
    nextToken += 1
    return nextToken
  }
}
