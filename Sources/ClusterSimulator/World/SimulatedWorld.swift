import Cluster
import StatusMonitor

/// Several nodes, each with its own clock, at one store over a bad network, and the clients that hold locks there: the
/// shell's loops as events.
///
/// What a daemon does one after the other is one after the other here, what it does side by side may come in any
/// order; all of it follows from the seed and the faults.
struct SimulatedWorld {
  typealias Action = (inout SimulatedWorld) -> Void

  /// Whose event it is: it waits while that one is paused, and is void when that one has ended.
  enum Owner {
    case world
    case daemon(NodeName, life: Int)
    case machine(NodeName, boot: Int)
    case client(ClientName, life: Int)
  }

  struct Event {
    var owner: Owner
    var action: Action
  }

  let shape: ClusterShape
  var timings: BeatTimings { shape.timings }
  var services: [ServiceDefinition] { shape.services }
  var numbers: SeededNumbers
  var store = SimulatedStore()
  var storeState = StoreCondition()
  private(set) var machines = Roster<NodeName, SimulatedMachine>()
  private(set) var clients = Roster<ClientName, SimulatedClient>()
  /// True microseconds.
  private(set) var now = 0
  private var queue = EventQueue()
  private var nextToken = 0
  /// No faults any more.
  var isCalm = false
  var ledger: Ledger
  var transcript: Transcript
  /// What an operator would see; nil where nobody looks on.
  var chronicle: Chronicle?
  /// Orders whose fence an operator confirmed: the machine stays off until they are gone.
  var keptOff: [NodeName: ServiceName] = [:]
  /// Events that were played.
  private(set) var events = 0

  init(seed: Int, shape: ClusterShape, isTraced: Bool = false) {
    self.shape = shape
    numbers = SeededNumbers(seed: seed)
    transcript = Transcript(isKept: isTraced)
    ledger = Ledger(services: shape.services.map(\.name))
    for (index, node) in shape.nodes.enumerated() {
      machines.add(
        node,
        SimulatedMachine(
          clock: shape.clocks[node] ?? .init(rate: 1_000_000, offset: 0),
          numbers: SeededNumbers(seed: seed &* 31 &+ index &+ 1)))
      machines[node]?.readsAreStale = shape.readsAreCached
    }
    for (index, client) in shape.clients.enumerated() {
      clients.add(
        client.name,
        SimulatedClient(
          service: client.service, numbers: SeededNumbers(seed: seed &* 37 &+ index &+ 1001),
          mayBeSteady: shape.areClientsRestless))
    }
  }

  // MARK: - Time

  mutating func schedule(after delay: Int, _ action: @escaping Action) {
    queue.push(Event(owner: .world, action: action), at: now + max(delay, 0))
  }

  /// For the daemon of `node`: not before it goes on where it is paused, never where it has ended.
  mutating func schedule(after delay: Int, for node: NodeName, _ action: @escaping Action) {
    guard let life = machines[node]?.life else { return }
    queue.push(Event(owner: .daemon(node, life: life), action: action), at: now + max(delay, 0))
  }

  /// For the kernel and statd of `node`.
  mutating func schedule(after delay: Int, onMachine node: NodeName, _ action: @escaping Action) {
    guard let boot = machines[node]?.boot else { return }
    queue.push(Event(owner: .machine(node, boot: boot), action: action), at: now + max(delay, 0))
  }

  mutating func schedule(after delay: Int, onClient client: ClientName, _ action: @escaping Action) {
    guard let life = clients[client]?.life else { return }
    queue.push(Event(owner: .client(client, life: life), action: action), at: now + max(delay, 0))
  }

  /// Runs until the true moment `end`, or until an invariant is broken.
  mutating func run(until end: Int) {
    while let time = queue.nextTime, time <= end, ledger.violation == nil {
      guard let (entry, event) = queue.pop() else { break }
      now = max(now, time)
      guard let resumes = resumption(of: event.owner) else { continue }
      if resumes > now {
        queue.postpone(entry, event, to: resumes)
      } else {
        events += 1
        event.action(&self)
      }
    }
    if ledger.violation == nil { now = max(now, end) }
  }

  /// When the owner of an event can play it; nil where that one has ended.
  private func resumption(of owner: Owner) -> Int? {
    switch owner {
    case .world: return now
    case .daemon(let node, let life):
      guard let machine = machines[node], machine.life == life else { return nil }
      return max(machine.pausedUntil, machine.daemonFrozenUntil)
    case .machine(let node, let boot):
      guard let machine = machines[node], machine.boot == boot, machine.isOn else { return nil }
      return machine.pausedUntil
    case .client(let client, let life):
      return clients[client]?.life == life ? now : nil
    }
  }

  func clock(_ node: NodeName) -> BootInstant {
    guard let machine = machines[node] else { return BootInstant(sinceBoot: .zero) }
    return BootInstant(
      sinceBoot: .microseconds(now * machine.clock.rate / 1_000_000 + machine.clock.offset))
  }

  /// What the machine's own `duration` is in true microseconds.
  func trueTime(_ duration: Duration, on node: NodeName) -> Int {
    duration.wholeMicroseconds * 1_000_000 / (machines[node]?.clock.rate ?? 1_000_000)
  }

  mutating func nextNumber() -> Int {
    nextToken += 1
    return nextToken
  }

  mutating func note(_ text: @autoclosure () -> String) {
    transcript.note(at: now, text())
  }
}

extension Duration {
  /// Rounded down.
  var wholeMicroseconds: Int {
    let (seconds, attoseconds) = components
    return Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000)
  }
}
