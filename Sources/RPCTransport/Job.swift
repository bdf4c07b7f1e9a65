import CLinux
import Glibc
import Synchronization

/// A closure on its way to a thread of its own.
final class Job: Sendable {
  private let body: @Sendable () -> Void
  private let changesThread: Bool

  /// - Parameter changesThread: the thread is new and of no use to another job afterwards: it enters a namespace, or was
  ///   started in one.
  init(changesThread: Bool = false, _ body: @escaping @Sendable () -> Void) {
    self.changesThread = changesThread
    self.body = body
  }

  /// Starts a detached thread, or takes one that has ended its job a short time ago: a probe comes again every second,
  /// and a new thread costs more than what it asks. False where the system refuses.
  func start() -> Bool { (!changesThread && ParkedThread.take(self)) || startThread() }

  private func startThread() -> Bool {
    var attributes = pthread_attr_t()
    guard pthread_attr_init(&attributes) == 0 else { return false }
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    // Enough for the resolver's plug-ins.
    pthread_attr_setstacksize(&attributes, 1 << 20)
    let handle = Unmanaged.passRetained(self)
    var thread = pthread_t()
    let status = pthread_create(
      &thread, &attributes,
      { handle in
        // A peer that closes its connection must not end the process with SIGPIPE, and signals sent to the
        // process belong to its other threads.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, nil)
        guard let handle else { return nil }
        let job = Unmanaged<Job>.fromOpaque(handle).takeRetainedValue()
        job.body()
        if !job.changesThread { ParkedThread.park { $0.body() } }
        return nil
      }, handle.toOpaque())
    if status != 0 { handle.release() }
    return status == 0
  }
}

/// A thread that has ended its job and waits a little for the next.
private final class ParkedThread: Sendable {
  /// Longer than the usual time between two rounds of probes.
  private static let patience = Duration.seconds(5)
  /// So many wait at most: what comes now and then in a crowd gets new ones.
  private static let most = 2
  /// Who waits, and the jobs that were given to them.
  private static let waiting = Mutex<[(thread: ParkedThread, job: Job?)]>([])

  private let signal: Int32

  private init?() {
    signal = lfh_event()
    if signal < 0 { return nil }
  }

  deinit { close(signal) }

  /// Gives the job to one that waits; false where none does.
  static func take(_ job: Job) -> Bool {
    waiting.withLock { waiting in
      guard let place = waiting.lastIndex(where: { $0.job == nil }) else { return false }
      waiting[place].job = job
      lfh_signal_event(waiting[place].thread.signal)
      return true
    }
  }

  /// Runs what is given to the calling thread until nothing is.
  static func park(_ run: (Job) -> Void) {
    guard let thread = ParkedThread() else { return }
    while thread.waits() {
      lfh_wait_for_event(thread.signal, patience.components.seconds * 1_000_000_000)
      guard let job = thread.given() else { return }
      var count: UInt64 = 0
      _ = read(thread.signal, &count, MemoryLayout<UInt64>.size)
      run(job)
    }
  }

  private func waits() -> Bool {
    Self.waiting.withLock { waiting in
      guard waiting.count < Self.most else { return false }
      waiting.append((self, nil))
      return true
    }
  }

  /// Waits no longer.
  private func given() -> Job? {
    Self.waiting.withLock { waiting in
      guard let place = waiting.firstIndex(where: { $0.thread === self }) else { return nil }
      return waiting.remove(at: place).job
    }
  }
}
