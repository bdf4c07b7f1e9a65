import Synchronization

/// A queue that is worked off in order, one entry at a time.
///
/// A file call that hangs costs the thread that it is on and this queue; what waits behind it leaves at its own limit.
final class StoreLane: Sendable {
  private struct State {
    var waiting: [any LaneEntry] = []
    var isWorking = false
  }

  private let state = Mutex(State())
  private let begin: DirectoryStore.BeginCall

  /// - Parameter begin: gives the queue a thread whenever there is something in it.
  init(_ begin: @escaping DirectoryStore.BeginCall) {
    self.begin = begin
  }

  /// Puts an entry at the end. Where no thread could be had to work it off, all that waits is refused.
  func add(_ entry: any LaneEntry) {
    let wakes = state.withLock { state in
      state.waiting.append(entry)
      defer { state.isWorking = true }
      return !state.isWorking
    }
    guard wakes, !begin({ self.work() }) else { return }
    let refused = state.withLock { state in
      defer { state = State() }
      return state.waiting
    }
    for entry in refused { entry.refuse() }
  }

  /// Takes an entry out that nobody waits for any more.
  func remove(_ entry: any LaneEntry) {
    state.withLock { state in state.waiting.removeAll { $0 === entry } }
  }

  private func work() {
    while true {
      let next: (any LaneEntry)? = state.withLock { state in
        guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
        state.isWorking = false
        return nil
      }
      guard let next else { return }
      next.start()
    }
  }
}
