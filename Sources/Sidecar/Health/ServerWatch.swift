import Cluster
import NodeHost
import Synchronization

/// What the kernel says of its NFS server, asked without waiting for it.
///
/// Reading `/proc/fs/nfsd/threads` waits for whoever starts or stops nfsd, which may hang on a dead disk; neither
/// beats nor the lease may wait with it. So it is a call that may hang, one at a time, and what was found last counts
/// for a while.
final class ServerWatch: Sendable {
  private struct State {
    var facts: NFSServerFacts?
    var askedAt = BootInstant(sinceBoot: .zero)
    var answeredAt = BootInstant(sinceBoot: .zero)
    var isAsking = false
  }

  private let state = Mutex(State())
  private let thread: ThreadExecutor
  private let namespace: ServiceNamespace?

  /// - Parameters:
  ///   - thread: runs the calls.
  ///   - namespace: where it is; nil: this process's own.
  init(on thread: ThreadExecutor, in namespace: ServiceNamespace? = nil) {
    (self.thread, self.namespace) = (thread, namespace)
  }

  /// Asks again, unless the last question is still open.
  func ask() {
    let asks = state.withLock { state in
      defer { state.isAsking = true }
      return !state.isAsking
    }
    guard asks else { return }
    let begins = thread.call { [weak self] in
      guard let self else { return }
      let asked = BootInstant.now
      let facts = read()
      state.withLock { state in
        state.facts = facts
        (state.askedAt, state.answeredAt) = (asked, .now)
        state.isAsking = false
      }
    }
    // Where there is no thread to be had now, there may be one next time.
    if !begins { state.withLock { $0.isAsking = false } }
  }

  private func read() -> NFSServerFacts {
    guard let namespace else { return NFSServerFacts.read() }
    // Not here: a thread that stays in the mounts of a service keeps its file system mounted.
    let facts = try? OwnThread.runAndWait("lf-nfsd-in") {
      try namespace.enter()
      return NFSServerFacts.read()
    }
    return facts ?? NFSServerFacts(threads: nil, graceEnded: nil)
  }

  /// What was found within the last `age`, and when the kernel was asked; nil where it has not answered.
  func facts(noOlderThan age: Duration) -> (found: NFSServerFacts, asked: BootInstant)? {
    state.withLock { state in
      guard let facts = state.facts, BootInstant.now - state.answeredAt <= age else { return nil }
      return (facts, state.askedAt)
    }
  }
}
