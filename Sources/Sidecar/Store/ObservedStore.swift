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
      lastAnswerMilliseconds: seen.lastAnswer.map { (BootClock.now - $0).wholeMilliseconds })
  }

  func read(_ keys: [StoreKey], within limit: Duration) async throws(StoreError) -> [StoreKey: [UInt8]] {
    do {
      return answered(try await store.read(keys, within: limit), \.readProblem)
    } catch {
      throw failed(error, \.readProblem)
    }
  }

  func list(below prefix: StoreKey, within limit: Duration) async throws(StoreError) -> [StoreKey: [UInt8]] {
    do {
      return answered(try await store.list(below: prefix, within: limit), \.readProblem)
    } catch {
      throw failed(error, \.readProblem)
    }
  }

  func commit(
    _ transaction: StoreTransaction, within limit: Duration
  ) async throws(StoreError) -> StoreOutcome {
    do {
      return answered(try await store.commit(transaction, within: limit), \.commitProblem)
    } catch {
      throw failed(error, \.commitProblem)
    }
  }

  private func answered<Answer>(
    _ answer: Answer, _ problem: any WritableKeyPath<Observation, String?> & Sendable
  ) -> Answer {
    observation.withLock {
      $0.lastAnswer = BootClock.now
      $0[keyPath: problem] = nil
    }
    return answer
  }

  private func failed(
    _ error: StoreError, _ problem: any WritableKeyPath<Observation, String?> & Sendable
  ) -> StoreError {
    observation.withLock { $0[keyPath: problem] = error.message }
    return error
  }
}
