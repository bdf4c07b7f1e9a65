/// What a ``ThreadExecutor`` has to run, and which of its threads does.
struct ThreadExecutorState {
  typealias Call = @Sendable () -> Void

  struct Sleeper {
    let number: UInt64
    let moment: ContinuousClock.Instant
    /// It need not wake the thread before this; where the thread is awake anyway, `moment` counts.
    let latest: ContinuousClock.Instant
    let continuation: CheckedContinuation<Void, any Error>
  }

  struct Source {
    let source: any ThreadSource
    /// Nil: at once.
    var earliest: ContinuousClock.Instant?
    var latest: ContinuousClock.Instant?
    var isReadable = false
    /// On whichever thread.
    var isRunning = false

    func isDue(_ now: ContinuousClock.Instant) -> Bool {
      !isRunning && (isReadable || earliest.map { $0 <= now } ?? true)
    }

    /// Nothing to read was seen, and nobody reads.
    var isPolled: Bool { !isRunning && !isReadable && source.descriptor >= 0 }
  }

  /// What may hang.
  enum Hanging {
    case call(Call)
    case source(any ThreadSource)
  }

  /// What is to be done before the thread looks here again.
  struct Round {
    /// Nil where nothing but tasks was looked at.
    var now: ContinuousClock.Instant?
    var due: [Sleeper]
    var hanging: Hanging?
    var isOver: Bool
  }

  /// So many stand in at most. One of them goes on with everything where a call hangs and the machine has no thread left; the
  /// other one then makes the next calls possible.
  static let mostStandIns = 2
  /// After so long a thread is asked for again where there was none.
  private static let retryPause = Duration.milliseconds(100)
  /// After so many rounds of tasks alone all else is looked at.
  private static let mostRoundsOfTasks = 16

  var jobs: [UnownedJob] = []
  var calls: [Call] = []
  var sources: [Source] = []
  /// Counts how often the thread has looked what there is.
  var rounds: UInt64 = 0
  private var roundsOfTasks = 0
  /// What may hang and ran last was a source.
  private var ranSource = false
  /// Ordered by moment.
  var sleepers: [Sleeper] = []
  var sleeperCount: UInt64 = 0
  /// The thread looks here again before it waits.
  var isAwake = true
  var isStopped = false
  /// There is nothing left to run and never will be.
  var isOver = false

  /// Grows by one when another thread takes over.
  var turn: UInt64 = 0
  /// When another one does, since the one whose turn it is is in a call.
  var turnEnds: ContinuousClock.Instant?
  /// The timer for that runs, perhaps for a call that is over.
  var isPatienceSet = false
  /// How many threads would.
  var standIns = 0
  /// There was no thread to be had, and nobody stands in.
  private var retryAt: ContinuousClock.Instant?

  /// - Parameters:
  ///   - jobs: empty; what is to be run.
  ///   - startStandIn: false where there is no thread to be had; then calls wait.
  mutating func takeRound(_ jobs: inout [UnownedJob], startStandIn: () -> Bool) -> Round {
    swap(&jobs, &self.jobs)
    rounds += 1
    // Most tasks go on with another one at once: all else is looked at when they have ended, or now and then.
    if !jobs.isEmpty, roundsOfTasks < Self.mostRoundsOfTasks {
      roundsOfTasks += 1
      isAwake = true
      return Round(now: nil, due: [], hanging: nil, isOver: false)
    }
    roundsOfTasks = 0
    let now = ContinuousClock.now
    let due = takeDue(now)
    let hanging = takeHanging(now, startStandIn: startStandIn)
    // What the due are about to queue is seen without a signal.
    isAwake = !jobs.isEmpty || !due.isEmpty || hanging != nil
    isOver = isStopped && !isAwake && calls.isEmpty
    return Round(now: now, due: due, hanging: hanging, isOver: isOver)
  }

  /// Whether a call may begin: somebody has to be there who takes over.
  mutating func hasStandIn(_ now: ContinuousClock.Instant, start: () -> Bool) -> Bool {
    if standIns > 0 { return true }
    if let retryAt, now < retryAt { return false }
    guard start() else {
      retryAt = now + Self.retryPause
      return false
    }
    addStandIn()
    return true
  }

  mutating func addStandIn() {
    standIns += 1
    retryAt = nil
  }

  private mutating func takeDue(_ now: ContinuousClock.Instant) -> [Sleeper] {
    guard !sleepers.isEmpty, sleepers[0].moment <= now else { return [] }
    let due = Array(sleepers.prefix { $0.moment <= now })
    sleepers.removeFirst(due.count)
    return due
  }

  private mutating func takeHanging(
    _ now: ContinuousClock.Instant, startStandIn: () -> Bool
  ) -> Hanging? {
    let source = isStopped ? nil : sources.indices.first { sources[$0].isDue(now) }
    guard source != nil || !calls.isEmpty else {
      // Nobody waits for a thread.
      retryAt = nil
      return nil
    }
    guard hasStandIn(now, start: startStandIn) else { return nil }
    // In turns: a source that always has something to read must not keep calls from running.
    guard let source, calls.isEmpty || !ranSource else {
      ranSource = false
      return .call(calls.removeFirst())
    }
    ranSource = true
    sources[source].isRunning = true
    sources[source].isReadable = false
    return .source(sources[source].source)
  }

  func isAttached(_ source: any ThreadSource) -> Bool { sources.contains { $0.source === source } }

  /// A source has run.
  mutating func rest(_ source: any ThreadSource, _ rest: ThreadSourceRest) {
    guard let place = sources.firstIndex(where: { $0.source === source }) else { return }
    let earliest = ContinuousClock.now + rest.earliest
    sources[place].earliest = earliest
    sources[place].latest = earliest + rest.tolerance
    sources[place].isRunning = false
  }

  /// When the thread has to wake by itself.
  var nextWake: ContinuousClock.Instant? {
    var found: ContinuousClock.Instant?
    func consider(_ moment: ContinuousClock.Instant) { found = min(found ?? moment, moment) }
    // By place: an element that is taken out is a copy, whose parts are counted.
    for place in sleepers.indices { consider(sleepers[place].latest) }
    // Until then neither calls nor sources can run.
    if let retryAt {
      consider(retryAt)
      return found
    }
    guard !isStopped else { return found }
    for place in sources.indices where !sources[place].isRunning {
      if let latest = sources[place].latest { consider(latest) }
    }
    return found
  }
}
