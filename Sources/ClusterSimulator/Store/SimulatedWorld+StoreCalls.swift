import Cluster

/// What is wrong with the store itself.
struct StoreCondition {
  /// It answers nobody.
  var isStopped = false
  /// It answers every write with an error.
  var isReadOnly = false
  /// It has no room for anything but what is there already.
  var isFull = false
  /// Its folder is not there: every call fails at once.
  var hasVanished = false
  /// Microseconds that each call takes longer, at most.
  var slowness = 0
  /// What it held at these moments, for caches and for backups.
  var past: [(time: Int, store: SimulatedStore)] = []
}

/// The store, as seen over the network.
extension SimulatedWorld {
  enum CallKind { case read, beat, write }

  /// A call that may be slow, lost, done twice, or done though nobody says so; nil is a call that failed.
  mutating func call<Answer>(
    from node: NodeName, _ kind: CallKind, within limit: Duration? = nil,
    _ apply: @escaping (inout SimulatedWorld) -> Answer,
    then: @escaping (inout SimulatedWorld, Answer?) -> Void
  ) {
    guard let machine = machines[node] else { return }
    let timeout = trueTime(limit ?? timings.storeTimeout, on: node)
    let slowness = storeState.slowness
    var request =
      machine.numbers.number(200...20_000) + (slowness == 0 ? 0 : machine.numbers.number(0...slowness))
    var answer = machine.numbers.number(200...20_000)
    var isLost = machine.isCutFromStore
    var isAnswerLost = false
    var isTwice = false
    let trouble = machine.trouble
    if trouble != CallTrouble() {
      var draw = machine.numbers.number(0...99)
      func falls(_ percent: Int) -> Bool {
        defer { draw -= percent }
        return (0..<percent).contains(draw)
      }
      if falls(trouble.lost) { isLost = true }
      if falls(trouble.lateRequests) { request = machine.numbers.number(0...timeout * 6) }
      if falls(trouble.lateAnswers) { answer = machine.numbers.number(0...timeout * 3) }
      if falls(trouble.lostAnswers) { isAnswerLost = true }
      if falls(trouble.twice) { isTwice = true }
    }
    if isLost {
      return schedule(after: timeout, for: node) { then(&$0, nil) }
    }
    let isAnswered = request + answer <= timeout && !isAnswerLost
    if !isAnswered { schedule(after: timeout, for: node) { then(&$0, nil) } }
    // Whoever asked may be gone when it lands; only the answer needs it.
    let (life, boot) = (machine.life, machine.boot)
    schedule(after: request) { world in
      // What a killed daemon had sent may land; what a machine had sent before it was off is gone by its next boot.
      guard world.machines[node]?.boot == boot else { return }
      let isAsking = isAnswered && world.machines[node]?.life == life
      if world.storeState.isStopped {
        guard isAsking else { return }
        return world.schedule(after: timeout - request, for: node) { then(&$0, nil) }
      }
      if world.refuses(kind) {
        guard isAsking else { return }
        return world.schedule(after: answer, for: node) { then(&$0, nil) }
      }
      var result = apply(&world)
      if isTwice { result = apply(&world) }
      guard isAsking else { return }
      world.schedule(after: answer, for: node) { then(&$0, result) }
    }
  }

  private func refuses(_ kind: CallKind) -> Bool {
    storeState.hasVanished || storeState.isReadOnly && kind != .read || storeState.isFull && kind == .write
  }

  /// The store as `node` sees it: where its machine caches, some moment of the time that it may be old.
  mutating func seen(by node: NodeName) -> SimulatedStore {
    guard let machine = machines[node], machine.readsAreStale, shape.staleness > .zero else { return store }
    let oldest = max(now - shape.staleness.wholeMicroseconds * 98 / 100, machine.newestRead)
    let choices = storeState.past.filter { $0.time >= oldest }
    guard !choices.isEmpty, let pick = machines[node]?.numbers.number(0...choices.count - 1) else {
      return store
    }
    machines[node]?.newestRead = choices[pick].time
    return choices[pick].store
  }

  /// Remembers what the store holds, for caches and for backups.
  mutating func keepPast() {
    storeState.past.append((now, store))
    if storeState.past.count > 60 { storeState.past.removeFirst(20) }
    schedule(after: 250_000) { $0.keepPast() }
  }
}
