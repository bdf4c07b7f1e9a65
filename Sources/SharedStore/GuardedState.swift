internal import Glibc

/// State that threads of our own share and wait for.
///
/// `Mutex` of the Synchronization module has no condition to wait for with a time limit; this has.
/// `@unchecked Sendable`: `state` is reached in `withLock` and `wait` alone, and both hold `mutex` while they
/// touch it; the two pointers never change after `init`.
final class GuardedState<State>: @unchecked Sendable {
  private var state: State
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// What a waiting thread does after it has looked at the state.
  enum Verdict<Answer> {
    case done(Answer)
    /// Look again when somebody changed the state, or at this moment.
    case wait(until: ContinuousClock.Instant?)
  }

  init(_ state: State) {
    self.state = state
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    // The default is the wall clock, which steps.
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Changes the state and wakes whoever waits.
  func withLock<Answer>(_ body: (inout State) -> Answer) -> Answer {
    pthread_mutex_lock(mutex)
    defer {
      pthread_cond_broadcast(condition)
      pthread_mutex_unlock(mutex)
    }
    return body(&state)
  }

  /// Changes the state without waking anybody, where `body` says so.
  func withLock(wakingIf body: (inout State) -> Bool) {
    pthread_mutex_lock(mutex)
    if body(&state) { pthread_cond_broadcast(condition) }
    pthread_mutex_unlock(mutex)
  }

  /// Blocks the calling thread, which has to be one of our own, until `body` is done.
  func wait<Answer>(_ body: (inout State) -> Verdict<Answer>) -> Answer {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      switch body(&state) {
      case .done(let answer):
        return answer
      case .wait(until: nil):
        pthread_cond_wait(condition, mutex)
      case .wait(let moment?):
        var wakeUp = Self.monotonic(moment)
        pthread_cond_timedwait(condition, mutex, &wakeUp)
      }
    }
  }

  private static func monotonic(_ moment: ContinuousClock.Instant) -> timespec {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    let remaining = max(.zero, moment - .now).components
    let nanoseconds = now.tv_nsec + Int(remaining.attoseconds / 1_000_000_000)
    return timespec(
      tv_sec: now.tv_sec + Int(remaining.seconds) + nanoseconds / 1_000_000_000,
      tv_nsec: nanoseconds % 1_000_000_000)
  }
}

/// Threads of our own: file calls that may hang never run on Swift's cooperative pool.
enum OwnThread {
  private final class Start: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Starts a thread that nobody joins; false where the system has none left.
  static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let argument = Unmanaged.passRetained(Start(body))
    var thread = pthread_t()
    let failure = pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, argument.toOpaque())
    if failure != 0 { argument.release() }
    return failure == 0
  }
}
