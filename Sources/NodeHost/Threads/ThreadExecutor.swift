internal import Synchronization

/// Runs tasks one after the other on one thread, and wakes them by its own clock.
///
/// Swift's pool wakes one of several threads for each step of a task and two more for each timer. A daemon that mostly
/// waits spends most of its processor time on that. Who sleeps with a tolerance wakes together with others.
///
/// Tasks never block. What may hang in the kernel is given to ``call(_:)`` or is a ``ThreadSource``: that runs on the same
/// thread, since to wake another one costs more than most such calls, and where it takes longer than ``patience`` another
/// thread takes over everything but it.
public final class ThreadExecutor: TaskExecutor {
  /// After so long somebody else goes on with all but a call: longer than one takes on a disk that is well.
  static let patience = Duration.milliseconds(2)

  let state = Mutex(ThreadExecutorState())
  let signal: ThreadSignal
  /// Ends when the thread whose turn it is has been in a call for too long.
  let patienceEnd: ThreadTimer
  private let startThread: StartThread
  private let name: String

  /// - Throws: ``NodeHostError`` where the kernel allows no further thread; then the body never runs.
  typealias StartThread = @Sendable (String, @escaping @Sendable () -> Void) throws(NodeHostError) -> Void

  /// Starts the thread, and those that stand in.
  ///
  /// - Parameter name: shown by `ps -L`; at most 15 bytes.
  /// - Throws: ``NodeHostError`` where the kernel allows no further thread or descriptor.
  public convenience init(name: String) throws(NodeHostError) {
    try self.init(name: name, startThread: OwnThread.start)
  }

  /// For tests: threads that there are not.
  init(name: String, startThread: @escaping StartThread) throws(NodeHostError) {
    self.name = name
    self.startThread = startThread
    signal = try ThreadSignal()
    patienceEnd = try ThreadTimer()
    try startThread(name) { self.live(as: .working(turn: 0)) }
    state.withLock { state in
      while state.standIns < ThreadExecutorState.mostStandIns, startStandIn() { state.addStandIn() }
    }
  }

  /// Lets the thread end when nothing is left to run; what is still asleep then never wakes, and sources never run again.
  public func stop() {
    state.withLock { $0.isStopped = true }
    signal.raise()
  }

  /// Runs `job` after what is queued already.
  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    change { $0.jobs.append(job) }
  }

  /// Runs `call`, which may hang, after the tasks and calls that are queued already.
  ///
  /// Calls that must not run beside each other have to see to it themselves: where one takes its time, the next begins on
  /// another thread.
  ///
  /// - Returns: false where there is no thread for that, or this one has ended; then `call` never runs.
  public func call(_ call: @escaping @Sendable () -> Void) -> Bool {
    var begins = false
    change { state in
      begins = !state.isOver && state.hasStandIn(.now, start: startStandIn)
      if begins { state.calls.append(call) }
    }
    return begins
  }

  func startStandIn() -> Bool {
    do {
      try startThread(name) { self.live(as: .standingIn) }
      return true
    } catch {
      return false
    }
  }

  /// Runs `source` now, and from then on whenever it has something to read or wants to. To be called once for each.
  public func attach(_ source: any ThreadSource) {
    change { $0.sources.append(.init(source: source)) }
  }

  /// Forgets `source`. A run that is under way ends.
  public func detach(_ source: any ThreadSource) {
    change { state in state.sources.removeAll { $0.source === source } }
  }

  /// How often the thread has looked what there is to run.
  var rounds: UInt64 { state.withLock { $0.rounds } }

  /// The clock whose sleepers this thread wakes.
  public var clock: some Clock<Duration> { ThreadClock(executor: self) }

  func change(_ body: (inout ThreadExecutorState) -> Void) {
    let sleeps = state.withLock { state in
      body(&state)
      defer { state.isAwake = true }
      return !state.isAwake
    }
    if sleeps { signal.raise() }
  }

  fileprivate func sleep(until moment: ContinuousClock.Instant, tolerance: Duration) async throws {
    let number = state.withLock { state in
      state.sleeperCount += 1
      return state.sleeperCount
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        change { state in
          let place = state.sleepers.firstIndex { $0.moment > moment } ?? state.sleepers.endIndex
          state.sleepers.insert(
            .init(number: number, moment: moment, latest: moment + tolerance, continuation: continuation),
            at: place)
        }
        // Cancelled before it slept: then the handler below found nobody.
        if Task.isCancelled { wake(number) }
      }
    } onCancel: {
      wake(number)
    }
  }

  /// Ends a sleep early.
  private func wake(_ number: UInt64) {
    let sleeper = state.withLock { state in
      state.sleepers.firstIndex { $0.number == number }.map { state.sleepers.remove(at: $0) }
    }
    sleeper?.continuation.resume(throwing: CancellationError())
  }
}

private struct ThreadClock: Clock {
  let executor: ThreadExecutor

  var now: ContinuousClock.Instant { .now }
  var minimumResolution: Duration { .milliseconds(1) }

  func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
    try await executor.sleep(until: deadline, tolerance: tolerance ?? .zero)
  }
}
