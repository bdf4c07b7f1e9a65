internal import Synchronization

/// What a running call knows of its caller, and what the caller is told of it when time is up.
final class CallProgress: Sendable {
  /// How far the call is, in the order in which that makes a late answer worse.
  enum Stage: UInt8 {
    case queued, working, waitingForLock, committing
  }

  /// When the caller gives up.
  let deadline: ContinuousClock.Instant
  private let current = Atomic<UInt8>(Stage.queued.rawValue)

  init(deadline: ContinuousClock.Instant) {
    self.deadline = deadline
  }

  var isLate: Bool { ContinuousClock.now >= deadline }

  var stage: Stage {
    get { Stage(rawValue: current.load(ordering: .relaxed)) ?? .committing }
    set { current.store(newValue.rawValue, ordering: .relaxed) }
  }

  /// Ends a call whose caller has given up, as long as nothing of it is visible.
  func check(_ location: String) throws(StoreFailure) {
    if isLate { throw StoreFailure(timedOut(location)) }
  }

  /// What the caller is told.
  func timedOut(_ location: String) -> StoreError {
    switch stage {
    case .queued:
      StoreError(
        .timedOut,
        "\(location) didn't answer in time: an earlier call still waits for it, so this one was not begun "
          + "and nothing was written; look whether the store's file system hangs")
    case .working:
      StoreError(
        .timedOut,
        "\(location) didn't answer in time: a file call was still running, so nothing was or will be "
          + "written; look whether the store's file system hangs")
    case .waitingForLock:
      StoreError(
        .timedOut,
        "\(location) was locked by another call or node all the time; nothing was written; if it "
          + "stays so, look for a node that hangs with the lock (/proc/locks, inode of .lock)")
    case .committing:
      StoreError(
        .timedOut,
        "\(location) didn't answer in time while a write was under way: it may have happened or happen "
          + "yet; read before deciding, and look whether the store's file system hangs")
    }
  }
}

/// One entry of a lane's queue.
protocol LaneEntry: AnyObject, Sendable {
  /// Does the work on the calling thread, unless its caller has given up.
  func start()

  /// There is no thread for it.
  func refuse()
}

/// A caller that waits, and the work that a lane does for it.
final class StoreCall<Value: Sendable>: LaneEntry {
  typealias Answer = Result<Value, StoreError>

  private let progress: CallProgress
  private let location: String
  private let work: @Sendable (CallProgress) throws(StoreFailure) -> Value
  private struct Waiting {
    var caller: CheckedContinuation<Answer, Never>?
    /// Forgets the caller's limit.
    var forgetLimit: (@Sendable () -> Void)?
  }
  private let waiting: Mutex<Waiting>

  init(
    _ location: String, _ progress: CallProgress, caller: CheckedContinuation<Answer, Never>,
    work: @escaping @Sendable (CallProgress) throws(StoreFailure) -> Value
  ) {
    self.location = location
    self.progress = progress
    self.work = work
    waiting = Mutex(Waiting(caller: caller))
  }

  func start() {
    // A write that begins after its caller has given up may undo what was decided since.
    guard waiting.withLock({ $0.caller != nil }), !progress.isLate else { return expire() }
    progress.stage = .working
    let answer: Answer
    do throws(StoreFailure) {
      answer = .success(try work(progress))
    } catch {
      answer = .failure(error.storeError)
    }
    end(with: answer)
  }

  func refuse() {
    end(
      with: .failure(
        StoreError(
          .unavailable,
          "the system gives no thread for calls on \(location); nothing was written; look at the limit on tasks"
        )))
  }

  /// Lets the caller go at its limit, whatever the work does.
  func expire() {
    end(with: .failure(progress.timedOut(location)))
  }

  /// Takes what forgets the caller's limit, for when the call ends before it.
  func onEnd(_ forgetLimit: @escaping @Sendable () -> Void) {
    waiting.withLock { $0.forgetLimit = forgetLimit }
  }

  /// Answers the caller, once.
  func end(with answer: Answer) {
    let waiting = waiting.withLock { waiting in
      defer { waiting = Waiting() }
      return waiting
    }
    waiting.forgetLimit?()
    waiting.caller?.resume(returning: answer)
  }
}

/// Work for which nobody waits.
final class StoreChore: LaneEntry {
  private let progress: CallProgress
  private let work: @Sendable (CallProgress) throws(StoreFailure) -> Void

  init(
    _ progress: CallProgress, work: @escaping @Sendable (CallProgress) throws(StoreFailure) -> Void
  ) {
    self.progress = progress
    self.work = work
  }

  func start() {
    guard !progress.isLate else { return }
    progress.stage = .working
    do throws(StoreFailure) {
      try work(progress)
    } catch {
      // It is tried again another time; whatever is wrong with the store, the next caller is told.
    }
  }

  func refuse() {
    // Another time.
  }
}
