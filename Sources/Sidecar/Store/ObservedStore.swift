import Cluster
import NodeHost
import SharedStore
import Synchronization

/// A store that remembers how it answered, for `lockferry status`.
final class ObservedStore: SharedStore {
  private struct Observation {
    var lastAnswer: Duration?
    var problem: String?
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

  func read(_ key: StoreKey, within limit: Duration) async throws(StoreError) -> [UInt8]? {
    do {
      return answered(try await store.read(key, within: limit))
    } catch {
      throw failed(error)
    }
  }

  func list(below prefix: StoreKey, within limit: Duration) async throws(StoreError) -> [StoreKey: [UInt8]] {
    do {
      return answered(try await store.list(below: prefix, within: limit))
    } catch {
      throw failed(error)
    }
  }

  func commit(
    _ transaction: StoreTransaction, within limit: Duration
  ) async throws(StoreError) -> StoreOutcome {
    do {
      return answered(try await store.commit(transaction, within: limit))
    } catch {
      throw failed(error)
    }
  }

  private func answered<Answer>(_ answer: Answer) -> Answer {
    observation.withLock { $0 = Observation(lastAnswer: BootClock.now, problem: nil) }
    return answer
  }

  private func failed(_ error: StoreError) -> StoreError {
    observation.withLock { $0.problem = error.message }
    return error
  }
}
