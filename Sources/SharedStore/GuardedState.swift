internal import Glibc

/// State that threads of our own share and wait for: a lock with a condition, which `Mutex` of the Synchronization module
/// does not have.
///
/// `@unchecked Sendable`: `state` is reached in `withLock` and `wait` alone, and both hold `mutex` while they
/// touch it; what they hand out of it is `Sendable` itself; the two pointers never change after `init`.
final class GuardedState<State: Sendable>: @unchecked Sendable {
  private var state: State
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// What a waiting thread does after it has looked at the state.
  enum Verdict<Answer> {
    case done(Answer)
    /// Look again after a ``GuardedState/wake()``.
    case wait
  }

  init(_ state: State) {
    self.state = state
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Changes the state and wakes nobody: that costs more than most changes, and few are waited for.
  func withLock<Answer>(_ body: (inout State) -> Answer) -> Answer {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body(&state)
  }

  /// Has whoever waits look at the state.
  func wake() { pthread_cond_broadcast(condition) }

  /// Blocks the calling thread, which has to be one of our own, until `body` is done.
  func wait<Answer>(_ body: (inout State) -> Verdict<Answer>) -> Answer {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      switch body(&state) {
      case .done(let answer): return answer
      case .wait: pthread_cond_wait(condition, mutex)
      }
    }
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
