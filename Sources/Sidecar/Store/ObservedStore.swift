import Cluster
import NodeHost
import SharedStore
import Synchronization

/// A store that remembers how it answered, for `lockferry status`.
final class ObservedStore: SharedStore {
  private struct Observation {
    var lastAnswer: Duration?
    /// Why the last read failed.
    var readProblem: String?
    /// Why the last commit failed. Apart from reads: a store whose lock hangs goes on answering those.
    var commitProblem: String?
    var reads = CallCounts()
    var lists = CallCounts()
    var commits = CallCounts()

    var problem: String? { commitProblem ?? readProblem }
  }

  private let store: any SharedStore
  private let observation = Mutex(Observation())

  init(_ store: any SharedStore) {
    self.store = store
  }

  var location: String { store.location }

  /// How it answered last.
  var status: NodeStatus.Store {
    let seen = observation.withLock { $0 }
    return NodeStatus.Store(
      location: location, reachable: seen.problem == nil && seen.lastAnswer != nil,
      problem: seen.lastAnswer == nil ? seen.problem ?? "not yet read" : seen.problem,
      lastAnswerMilliseconds: seen.lastAnswer.map { (BootClock.now - $0).wholeMilliseconds },
      calls: [seen.reads.status("read"), seen.lists.status("list"), seen.commits.status("commit")])
  }

  func read(_ keys: [StoreKey], within limit: Duration) async throws(StoreError) -> [StoreKey: [UInt8]] {
    try await observe(\.readProblem, \.reads) { () async throws(StoreError) in
      try await store.read(keys, within: limit)
    }
  }

  func look(
    at keys: [StoreKey], aside asides: [StoreKey], below prefixes: [StoreKey], within limit: Duration
  ) async throws(StoreError) -> StoreSight {
    try await observe(\.readProblem, \.reads) { () async throws(StoreError) in
      try await store.look(at: keys, aside: asides, below: prefixes, within: limit)
    }
  }

  func list(below prefix: StoreKey, within limit: Duration) async throws(StoreError) -> [StoreKey: [UInt8]] {
    try await observe(\.readProblem, \.lists) { () async throws(StoreError) in
      try await store.list(below: prefix, within: limit)
    }
  }

  func commit(
    _ transaction: StoreTransaction, within limit: Duration
  ) async throws(StoreError) -> StoreOutcome {
    try await observe(\.commitProblem, \.commits) { () async throws(StoreError) in
      try await store.commit(transaction, within: limit)
    }
  }

  private func observe<Answer: Sendable>(
    _ problem: any WritableKeyPath<Observation, String?> & Sendable,
    _ counts: any WritableKeyPath<Observation, CallCounts> & Sendable,
    _ call: () async throws(StoreError) -> Answer
  ) async throws(StoreError) -> Answer {
    let began = BootClock.now
    do {
      let answer = try await call()
      observation.withLock {
        let now = BootClock.now
        $0.lastAnswer = now
        $0[keyPath: problem] = nil
        $0[keyPath: counts].onCall(took: now - began, failed: false)
      }
      return answer
    } catch {
      observation.withLock {
        $0[keyPath: problem] = error.message
        $0[keyPath: counts].onCall(took: BootClock.now - began, failed: true)
      }
      throw error
    }
  }
}
