import Synchronization

/// Watches a status directory's `sm/` with inotify and gathers what changed until somebody asks.
///
/// One thread of its own waits for events; names gather in sets, so that memory is bounded by the number of
/// distinct names however slow the reader is, and `changes` only says that there is something to ``take()``. The
/// watch is set before the first hint (`rescan`, `.started`) is given: a reader that scans on a hint misses nothing.
///
/// Files count when they are closed after writing or moved in, never when they are created. A directory that
/// isn't there (yet), is replaced, renamed away or mounted over is looked for again: at once where inotify tells,
/// else within a second.
public final class StatusDirectoryWatch: Sendable {
  /// An element whenever there may be something to ``take()``; ends after ``stop()``. For one reader.
  public let changes: AsyncStream<Void>

  let gathering: HintGathering
  private let stopSignal: ThreadSignal
  private let directory: StatusDirectory

  /// A watch on `directory`, which need not exist; nothing happens before ``start()``.
  ///
  /// - Throws: ``NodeHostError`` where this process may open no further file.
  public init(directory: StatusDirectory) throws(NodeHostError) {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    self.changes = stream
    self.gathering = HintGathering(continuation: continuation)
    self.stopSignal = try ThreadSignal()
    self.directory = directory
  }

  deinit {
    stop()
  }

  /// Starts the thread and returns at once. To be called once.
  ///
  /// - Throws: ``NodeHostError`` where the kernel allows no further thread.
  public func start() throws(NodeHostError) {
    let gathering = gathering
    let stopSignal = stopSignal
    let directory = directory
    try OwnThread.start("lf-watch") {
      var loop = WatchLoop(directory: directory, gathering: gathering, stopSignal: stopSignal)
      loop.run()
    }
  }

  /// What changed since the last call.
  public func take() -> StatusDirectoryHints {
    gathering.take()
  }

  /// Ends `changes` and the thread. What was gathered can still be taken.
  public func stop() {
    gathering.finish()
    stopSignal.raise()
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
