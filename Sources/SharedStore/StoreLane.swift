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
    return true
  }

  /// Takes an entry out that nobody waits for any more.
  func remove(_ entry: any LaneEntry) {
    state.withLock(wakingIf: { state in
      state.waiting.removeAll { $0 === entry }
      return false
    })
  }

  /// Lets the thread end after what it does now.
  func close() {
    state.withLock { $0.isClosed = true }
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
        return state.isClosed ? .done(nil) : .wait(until: nil)
      }
      guard let next else { return }
      next.start()
    }
  }
}

/// Ends waiting at its limit, on a thread that touches no file.
final class TimeLimits: Sendable {
  /// One caller's limit.
  struct Ticket: Comparable {
    let deadline: ContinuousClock.Instant
    let number: UInt64

    static func < (left: Ticket, right: Ticket) -> Bool {
      (left.deadline, left.number) < (right.deadline, right.number)
    }
  }

  private struct State {
    /// Ordered by ticket.
    var entries: [(ticket: Ticket, expire: @Sendable () -> Void)] = []
    var numbers: UInt64 = 0
    /// When the thread looks again by itself. It isn't woken for a limit that ends later, so that most
    /// calls cost it nothing.
    var nextLook: ContinuousClock.Instant?
    var hasThread = false
    var isClosed = false

    func place(of ticket: Ticket) -> Int {
      var range = 0..<entries.count
      while !range.isEmpty {
        let middle = (range.lowerBound + range.upperBound) / 2
        range =
          entries[middle].ticket < ticket ? middle + 1..<range.upperBound : range.lowerBound..<middle
      }
      return range.lowerBound
    }
  }

  private let state: GuardedState<State>

  init() {
    state = GuardedState(State())
    _ = startThread()
  }

  /// Calls `expire` at `deadline`; nil where no thread could be had for that.
  func add(
    _ deadline: ContinuousClock.Instant, expire: @escaping @Sendable () -> Void
  ) -> Ticket? {
    guard startThread() else { return nil }
    var added: Ticket?
    state.withLock(wakingIf: { state in
      let ticket = Ticket(deadline: deadline, number: state.numbers)
      state.numbers += 1
      state.entries.insert((ticket, expire), at: state.place(of: ticket))
      added = ticket
      guard let nextLook = state.nextLook else { return true }
      return deadline < nextLook
    })
    return added
  }

  /// Forgets a limit that was kept.
  func remove(_ ticket: Ticket) {
    state.withLock(wakingIf: { state in
      let place = state.place(of: ticket)
      if place < state.entries.count, state.entries[place].ticket == ticket {
        state.entries.remove(at: place)
      }
      return false
    })
  }

  /// Lets the thread end when nobody's limit is left.
  func close() {
    state.withLock { $0.isClosed = true }
  }

  private func startThread() -> Bool {
    var started = true
    state.withLock(wakingIf: { state in
      if !state.hasThread {
        let shared = self.state
        state.hasThread = OwnThread.start { Self.keep(shared) }
      }
      started = state.hasThread
      return false
    })
    return started
  }

  private static func keep(_ state: GuardedState<State>) {
    while true {
      let expired: [@Sendable () -> Void]? = state.wait { state in
        let now = ContinuousClock.now
        let due = state.entries.prefix { $0.ticket.deadline <= now }.map(\.expire)
        if !due.isEmpty {
          state.entries.removeFirst(due.count)
          return .done(due)
        }
        state.nextLook = state.entries.first?.ticket.deadline
        return state.isClosed && state.entries.isEmpty ? .done(nil) : .wait(until: state.nextLook)
      }
      guard let expired else { return }
      for expire in expired { expire() }
    }
  }
}
