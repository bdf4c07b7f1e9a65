import Synchronization

/// Watches a status directory's `sm/` with inotify and gathers what changed until somebody asks.
///
/// Names gather in sets, so that memory is bounded by the number of distinct names however slow the reader is, and
/// `changes` only says that there is something to ``take()``. The watch is set before the first hint (`rescan`,
/// `.started`) is given: a reader that scans on a hint misses nothing.
///
/// Files count when they are closed after writing or moved in, never when they are created. A directory that
/// isn't there (yet), is replaced, renamed away or mounted over is looked for again: at once where inotify tells,
/// else within a second.
public final class StatusDirectoryWatch: Sendable {
  /// An element whenever there may be something to ``take()``; ends after ``stop()``. For one reader.
  public let changes: AsyncStream<Void>

  let gathering: HintGathering
  private let source: WatchSource
  private let thread: ThreadExecutor

  /// A watch on `directory`, which need not exist, by `thread`; nothing happens before ``start()``.
  public init(directory: StatusDirectory, on thread: ThreadExecutor) {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    changes = stream
    gathering = HintGathering(continuation: continuation)
    source = WatchSource(directory: directory, gathering: gathering)
    self.thread = thread
  }

  deinit {
    stop()
  }

  /// Begins. To be called once.
  public func start() { thread.attach(source) }

  /// What changed since the last call.
  public func take() -> StatusDirectoryHints {
    gathering.take()
  }

  /// Ends `changes`. What was gathered can still be taken.
  public func stop() {
    gathering.finish()
    thread.detach(source)
  }
}

/// The hints between the thread and its reader.
final class HintGathering: Sendable {
  private let hints = Mutex(StatusDirectoryHints())
  private let continuation: AsyncStream<Void>.Continuation

  init(continuation: AsyncStream<Void>.Continuation) {
    self.continuation = continuation
  }

  func note(_ change: (inout StatusDirectoryHints) -> Void) {
    let isEmpty = hints.withLock { hints in
      change(&hints)
      return hints.isEmpty
    }
    if !isEmpty { continuation.yield() }
  }

  func take() -> StatusDirectoryHints {
    hints.withLock { hints in
      defer { hints = StatusDirectoryHints() }
      return hints
    }
  }

  func finish() {
    continuation.finish()
  }
}
