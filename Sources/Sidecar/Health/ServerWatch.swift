import Cluster
import NodeHost
import Synchronization

/// What the kernel says of its NFS server, asked without waiting for it.
///
/// Reading `/proc/fs/nfsd/threads` waits for whoever starts or stops nfsd, which may hang on a dead disk; neither
/// beats nor the lease may wait with it. So a thread of its own asks, one at a time, and what it found last counts
/// for a while.
final class ServerWatch: Sendable {
  private struct State {
    var facts: NFSServerFacts?
    var askedAt = BootInstant(sinceBoot: .zero)
    var answeredAt = BootInstant(sinceBoot: .zero)
    var isAsking = false
    /// Raised for each question; nil before the first.
    var asker: ThreadSignal?
  }

  private let state = Mutex(State())
  private let namespace: ServiceNamespace?

  /// - Parameter namespace: where it is; nil: this process's own.
  init(in namespace: ServiceNamespace? = nil) { self.namespace = namespace }

  deinit { state.withLock { $0.asker?.raise() } }

  /// Asks again, unless the last question is still open.
  func ask() {
    state.withLock { state in
      guard !state.isAsking else { return }
      // Where there is no thread to be had now, there may be one next time.
      guard let asker = state.asker ?? (try? startAsker()) else { return }
      state.asker = asker
      state.isAsking = true
      asker.raise()
    }
  }

  private func startAsker() throws(NodeHostError) -> ThreadSignal {
    let signal = try ThreadSignal()
    try OwnThread.start("lf-nfsd") { [weak self] in
      while true {
        signal.wait(for: nil)
        signal.clear()
        guard let self else { return }
        let asked = BootInstant.now
        let facts = self.read()
        self.state.withLock { state in
          state.facts = facts
          (state.askedAt, state.answeredAt) = (asked, .now)
          state.isAsking = false
        }
      }
    }
    return signal
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
