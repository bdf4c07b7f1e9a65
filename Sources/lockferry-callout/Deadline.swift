import Glibc

/// A moment on CLOCK_MONOTONIC by which the callout must have returned.
struct Deadline {
  private let nanoseconds: Int64

  /// So many milliseconds from now.
  init(milliseconds: Int) {
    nanoseconds = Self.now + Int64(milliseconds) * 1_000_000
  }

  /// What is left, rounded up for poll(2); 0 when it has passed.
  var milliseconds: Int32 {
    let left = nanoseconds - Self.now
    return left <= 0 ? 0 : Int32(clamping: (left + 999_999) / 1_000_000)
  }

  private static var now: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  /// Has the kernel end this process at a time at which it should long have ended by itself: statd waits for it without
  /// a limit, and lockd waits for statd.
  static func endProcess(afterMilliseconds milliseconds: Int) {
    // statd's mask and its ignored signals came along.
    signal(SIGALRM, SIG_DFL)
    var alarm = sigset_t()
    sigemptyset(&alarm)
    sigaddset(&alarm, SIGALRM)
    sigprocmask(SIG_UNBLOCK, &alarm, nil)
    var timer = itimerval()
    timer.it_value.tv_sec = milliseconds / 1000
    timer.it_value.tv_usec = milliseconds % 1000 * 1000
    setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &timer, nil)
  }
}
