/// A thread for file calls that may hang: it runs what it is given, in order.
final class StoreThread: Sendable {
  private struct State {
    var waiting: [@Sendable () -> Void] = []
    var hasThread = false
    var isClosed = false
  }

  private let state: GuardedState<State>

  init() {
    state = GuardedState(State())
    startThread()
  }

  deinit {
    state.withLock { $0.isClosed = true }
    state.wake()
  }

  /// Runs `call` after what was given before; false where there is no thread to be had.
  func run(_ call: @escaping @Sendable () -> Void) -> Bool {
    guard startThread() else { return false }
    state.withLock { $0.waiting.append(call) }
    state.wake()
    return true
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
      let next: (@Sendable () -> Void)? = state.wait { state in
        if !state.waiting.isEmpty { return .done(state.waiting.removeFirst()) }
        return state.isClosed ? .done(nil) : .wait
      }
      guard let next else { return }
      next()
    }
  }
}
