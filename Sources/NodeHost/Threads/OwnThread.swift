import CLinux
import Glibc
import Synchronization

/// Threads of our own, for calls that may block as long as a disk, a network file system or a child process likes.
///
/// Swift's cooperative pool has one thread per processor; a blocked call there stops every other task.
public enum OwnThread {
  /// Runs `body` on a new thread and returns what it returns.
  ///
  /// The caller waits even where its task is cancelled: a system call can't be called off.
  ///
  /// - Parameter name: shown by `ps -L` and debuggers; at most 15 bytes.
  /// - Throws: what `body` throws, or ``NodeHostError`` where the kernel allows no further thread.
  public static func run<Value: Sendable>(
    _ name: String, _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      do {
        try start(name) { continuation.resume(with: Result { try body() }) }
      } catch {
        continuation.resume(throwing: error)
      }
    }
  }

  /// The same, but the caller waits for `limit` at most; a body that hangs in the kernel longer is left behind.
  ///
  /// - Throws: besides, ``NodeHostError`` where `limit` has passed.
  public static func run<Value: Sendable>(
    _ name: String, within limit: Duration, _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    let work = LimitedWork<Value>(ended: try ThreadSignal())
    return try await run("lf-limit") {
      try start(name) {
        let value = Result { try body() }
        work.result.withLock { $0 = value }
        work.ended.raise()
      }
      work.ended.wait(for: limit)
      guard let value = work.result.withLock({ $0 }) else {
        throw NodeHostError(.failed, "\(name): the kernel has not answered within \(limit)")
      }
      return try value.get()
    }
  }

  /// The same for a thread of our own that waits itself, for as long as it takes: `body` may enter a namespace, from which
  /// its thread does not come back and which would be kept by it.
  ///
  /// - Throws: what `body` throws, or ``NodeHostError`` where the kernel allows no further thread.
  public static func runAndWait<Value: Sendable>(
    _ name: String, _ body: @escaping @Sendable () throws -> Value
  ) throws -> Value {
    let work = LimitedWork<Value>(ended: try ThreadSignal())
    try start(name) {
      let value = Result { try body() }
      work.result.withLock { $0 = value }
      work.ended.raise()
    }
    while true {
      work.ended.wait(for: nil)
      if let value = work.result.withLock({ $0 }) { return try value.get() }
    }
  }

  /// Starts `body` on a new thread that nobody waits for.
  ///
  /// - Throws: ``NodeHostError`` where the kernel allows no further thread; then `body` never runs.
  public static func start(
    _ name: String, _ body: @escaping @Sendable () -> Void
  ) throws(NodeHostError) {
    let work = Unmanaged.passRetained(ThreadWork(name: name, body: body))
    var thread = pthread_t()
    let failure = pthread_create(&thread, nil, runThreadWork, work.toOpaque())
    guard failure == 0 else {
      work.release()
      throw NodeHostError(
        failure, "can't start a thread (\(name))", remedy: "raise the limit of tasks (TasksMax=, ulimit -u)")
    }
    pthread_detach(thread)
  }
}

/// What a body that may hang and whoever waits for it share.
private final class LimitedWork<Value: Sendable>: Sendable {
  let ended: ThreadSignal
  let result = Mutex<Result<Value, any Error>?>(nil)

  init(ended: ThreadSignal) { self.ended = ended }
}

private final class ThreadWork: Sendable {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}

private func runThreadWork(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  let work = Unmanaged<ThreadWork>.fromOpaque(argument).takeRetainedValue()
  lfh_prepare_thread(String(decoding: work.name.utf8.prefix(15), as: UTF8.self))
  work.body()
  return nil
}
