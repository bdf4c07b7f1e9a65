/// A queue and the one thread that works it off, in order.
///
/// A file call that hangs costs this thread and no other; what waits behind it leaves at its own limit.
final class StoreLane: Sendable {
  private struct State {
    var waiting: [any LaneEntry] = []
    var hasThread = false
    var isClosed = false
  }

  private let state: GuardedState<State>

  init() {
    state = GuardedState(State())
    startThread()
  }

  /// Puts an entry at the end; false where no thread could be had to work it off.
  func add(_ entry: any LaneEntry) -> Bool {
    guard startThread() else { return false }
    state.withLock { $0.waiting.append(entry) }
    state.wake()
    return true
  }

  /// Takes an entry out that nobody waits for any more.
  func remove(_ entry: any LaneEntry) {
    state.withLock { state in state.waiting.removeAll { $0 === entry } }
  }

  /// Lets the thread end after what it does now.
  func close() {
    state.withLock { $0.isClosed = true }
    state.wake()
  }

  @discardableResult
  private func startThread() -> Bool {
    state.withLock { state in
      if !state.hasThread {
        let shared = self.state
        state.hasThread = OwnThread.start { Self.work(off: shared) }
      }
      return state.hasThread
    }
  }

  private static func work(off state: GuardedState<State>) {
    while true {
      let next: (any LaneEntry)? = state.wait { state in
        if !state.waiting.isEmpty { return .done(state.waiting.removeFirst()) }
        return state.isClosed ? .done(nil) : .wait
      }
      guard let next else { return }
      next.start()
    }
  }
}
