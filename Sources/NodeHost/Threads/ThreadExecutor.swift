internal import Synchronization

/// Runs tasks one after the other on one thread of its own, and wakes them by its own clock.
///
/// Swift's pool wakes one of several threads for each step of a task and two more for each timer. A daemon that mostly
/// waits spends most of its processor time on that. Who sleeps with a tolerance wakes together with others. For code that
/// never blocks.
public final class ThreadExecutor: TaskExecutor {
  private struct State {
    var jobs: [UnownedJob] = []
    /// Ordered by moment.
    var sleepers: [Sleeper] = []
    var sleeperCount: UInt64 = 0
    /// The thread looks here again before it waits.
    var isAwake = true
    var isStopped = false

    mutating func takeDue() -> [Sleeper] {
      guard let first = sleepers.first else { return [] }
      let now = ContinuousClock.now
      guard first.moment <= now else { return [] }
      let due = Array(sleepers.prefix { $0.moment <= now })
      sleepers.removeFirst(due.count)
      return due
    }

    /// When the thread has to wake by itself.
    var nextWake: ContinuousClock.Instant? {
      sleepers.reduce(nil) { found, sleeper in found.map { min($0, sleeper.latest) } ?? sleeper.latest }
    }
  }

  fileprivate struct Sleeper {
    let number: UInt64
    let moment: ContinuousClock.Instant
    /// It need not wake the thread before this; where the thread is awake anyway, `moment` counts.
    let latest: ContinuousClock.Instant
    let continuation: CheckedContinuation<Void, any Error>
  }

  private let state = Mutex(State())
  private let signal: ThreadSignal

  /// Starts the thread.
  ///
  /// - Parameter name: shown by `ps -L`; at most 15 bytes.
  /// - Throws: ``NodeHostError`` where the kernel allows no further thread or descriptor.
  public init(name: String) throws(NodeHostError) {
    signal = try ThreadSignal()
    try OwnThread.start(name) { self.work() }
  }

  /// Lets the thread end when nothing is left to run; what is still asleep then never wakes.
  public func stop() {
    state.withLock { $0.isStopped = true }
    signal.raise()
  }

  /// Runs `job` after what is queued already.
  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    change { $0.jobs.append(job) }
  }

  /// The clock whose sleepers this thread wakes.
  public var clock: some Clock<Duration> { ThreadClock(executor: self) }

  private func change(_ body: (inout State) -> Void) {
    let sleeps = state.withLock { state in
      body(&state)
      defer { state.isAwake = true }
      return !state.isAwake
    }
    if sleeps { signal.raise() }
  }

  private func work() {
    var jobs: [UnownedJob] = []
    while true {
      jobs.removeAll(keepingCapacity: true)
      let (due, isOver) = state.withLock { state -> ([Sleeper], Bool) in
        swap(&jobs, &state.jobs)
        let due = state.takeDue()
        // What the due are about to queue is seen without a signal.
        state.isAwake = !jobs.isEmpty || !due.isEmpty
        return (due, state.isStopped && !state.isAwake)
      }
      if isOver { return }
      for sleeper in due { sleeper.continuation.resume() }
      for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
      if jobs.isEmpty, due.isEmpty {
        let nextWake = state.withLock { $0.nextWake }
        // Whatever was queued since has raised the signal.
        signal.wait(for: nextWake.map { $0 - .now })
        signal.clear()
      }
    }
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
            Sleeper(
              number: number, moment: moment, latest: moment + tolerance, continuation: continuation),
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
