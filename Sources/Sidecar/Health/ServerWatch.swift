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
    var answeredAt = Duration.zero
    var isAsking = false
  }

  private let state = Mutex(State())

  /// Asks again, unless the last question is still open.
  func ask() {
    let isFree = state.withLock { state in
      defer { state.isAsking = true }
      return !state.isAsking
    }
    guard isFree else { return }
    do {
      try OwnThread.start("lf-nfsd") {
        let facts = NFSServerFacts.read()
        self.state.withLock { $0 = State(facts: facts, answeredAt: BootClock.now) }
      }
    } catch {
      state.withLock { $0.isAsking = false }
    }
  }

  /// What was found within the last `age`; nil where the kernel has not answered.
  func facts(noOlderThan age: Duration) -> NFSServerFacts? {
    state.withLock { state in
      guard let facts = state.facts, BootClock.now - state.answeredAt <= age else { return nil }
      return facts
    }
  }
}
