import CLinux
import Glibc
import Synchronization

/// Runs blocking calls of libtirpc and of the resolver where they may block, with a limit on how long the
/// caller waits and on how many threads may be stuck.
///
/// Such a call can't be interrupted. One that outlasts its limit is left behind with its thread, and until it ends it counts
/// as stuck. A probe repeated every second against a host that swallows everything would otherwise pile up threads for ever.
final class RPCThreads: Sendable {
  static let shared = RPCThreads()

  /// The most that may be stuck with the same subject, and altogether.
  static let stuckPerSubject = 2
  static let stuckAltogether = 8
  /// The most that may run at once, stuck or not.
  static let runningAltogether = 32

  private struct Counts {
    var running = 0
    var stuck: [String: Int] = [:]
  }
  private let counts = Mutex(Counts())

  /// Runs `body` and returns what it returns, or throws what it throws.
  ///
  /// - Parameters:
  ///   - subject: whom the call goes to; names it in errors.
  ///   - limit: the longest that the caller waits.
  ///   - place: where it blocks.
  ///   - changesThread: `body` enters a namespace, from which its thread does not come back.
  ///   - body: told by when it should have finished, a twentieth of the limit before its end.
  func run<Value: Sendable>(
    _ subject: String, within limit: Duration, at place: CallPlace = .ownThread,
    changesThread: Bool = false, _ body: @escaping @Sendable (Deadline) throws(RPCError) -> Value
  ) async throws(RPCError) -> Value {
    // The call itself ends a little earlier, because it knows better than the clock what it waited for.
    let deadline = Deadline(after: limit - min(limit / 20, .milliseconds(50)))
    try admit(subject)
    let answer = PendingAnswer<Value>()
    let work = { @Sendable [self] in
      let result: Result<Value, RPCError>
      do throws(RPCError) {
        // Where it shares a thread it may have waited for others that hang.
        if place.begin != nil, deadline.milliseconds == 0 {
          throw RPCError(.timedOut, "\(subject): not begun within \(limit)")
        }
        result = .success(try body(deadline))
      } catch {
        result = .failure(error)
      }
      retire(subject, wasStuck: !answer.settle(result))
    }
    let hasBegun =
      if let begin = place.begin, !changesThread { begin(work) } else {
        Job(changesThread: changesThread, work).start()
      }
    guard hasBegun else {
      retire(subject, wasStuck: false)
      throw RPCError(.failed, "\(subject): the system has no thread left for the call")
    }
    // Whoever is first settles the answer: the call, the clock, or cancellation.
    let result = await withTaskGroup(of: Void.self) { group in
      group.addTask {
        do {
          try await place.clock.sleep(for: limit)
          self.giveUp(answer, subject, RPCError(.timedOut, "\(subject): no answer within \(limit)"))
        } catch {
          // Cancelled because the answer is there, or together with the caller.
        }
      }
      let result = await withTaskCancellationHandler {
        await answer.value
      } onCancel: {
        self.giveUp(answer, subject, RPCError(.cancelled, "\(subject): the call was cancelled"))
      }
      group.cancelAll()
      return result
    }
    return try result.get()
  }

  private func admit(_ subject: String) throws(RPCError) {
    let reason: String? = counts.withLock { counts in
      let stuck = counts.stuck.values.reduce(0, +)
      if let same = counts.stuck[subject], same >= RPCThreads.stuckPerSubject {
        return "\(same) earlier calls still hang and no further one is started; does the host drop packets, "
          + "or does its name resolve too slowly?"
      }
      if stuck >= RPCThreads.stuckAltogether {
        return "\(stuck) earlier calls to several hosts still hang and no further one is started"
      }
      if counts.running >= RPCThreads.runningAltogether {
        return "\(counts.running) calls are running already and no further one is started"
      }
      counts.running += 1
      return nil
    }
    if let reason { throw RPCError(.busy, "\(subject): \(reason)") }
  }

  /// Settles the answer in the call's place. The count goes up first, so that the thread, which learns that it
  /// came too late, always finds something to take away.
  private func giveUp<Value>(_ answer: PendingAnswer<Value>, _ subject: String, _ error: RPCError) {
    counts.withLock { $0.stuck[subject, default: 0] += 1 }
    if !answer.settle(.failure(error)) { release(subject) }
  }

  private func release(_ subject: String) {
    counts.withLock { counts in
      let left = counts.stuck[subject, default: 1] - 1
      counts.stuck[subject] = left > 0 ? left : nil
    }
  }

  private func retire(_ subject: String, wasStuck: Bool) {
    if wasStuck { release(subject) }
    counts.withLock { $0.running -= 1 }
  }
}

/// A point in time by which a call should be over.
struct Deadline: Sendable {
  let end: ContinuousClock.Instant

  init(after limit: Duration) { end = .now + limit }

  /// What is left, in whole milliseconds, 0 when it has passed.
  var milliseconds: Int32 {
    let left = ContinuousClock.now.duration(to: end)
    guard left > .zero else { return 0 }
    let (seconds, attoseconds) = left.components
    return Int32(clamping: min(seconds, 1_000_000) * 1_000 + attoseconds / 1_000_000_000_000_000 + 1)
  }
}

/// A result that is settled once and awaited once.
private final class PendingAnswer<Value: Sendable>: Sendable {
  private enum State {
    case open
    case awaited(CheckedContinuation<Result<Value, RPCError>, Never>)
    case settled(Result<Value, RPCError>)
  }
  private let state = Mutex(State.open)

  /// False where it was settled before.
  func settle(_ result: Result<Value, RPCError>) -> Bool {
    let (isFirst, waiting) = state.withLock {
      state -> (Bool, CheckedContinuation<Result<Value, RPCError>, Never>?) in
      switch state {
      case .open:
        state = .settled(result)
        return (true, nil)
      case .awaited(let continuation):
        state = .settled(result)
        return (true, continuation)
      case .settled: return (false, nil)
      }
    }
    waiting?.resume(returning: result)
    return isFirst
  }

  var value: Result<Value, RPCError> {
    get async {
      await withCheckedContinuation { continuation in
        let settled = state.withLock { state -> Result<Value, RPCError>? in
          if case .settled(let result) = state { return result }
          state = .awaited(continuation)
          return nil
        }
        if let settled { continuation.resume(returning: settled) }
      }
    }
  }
}
