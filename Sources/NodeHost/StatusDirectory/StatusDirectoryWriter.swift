import Glibc
public import StatusMonitor
import Synchronization

/// Makes changes of records on a thread of its own. What arrives while it waits for the disk goes to the disk together:
/// a thousand clients at once cost a few commits, not a thousand.
public final class StatusDirectoryWriter: Sendable {
  /// How a change ended.
  public struct Report: Sendable {
    /// The number that it was submitted with.
    public let ticket: UInt64
    /// Why it may not be on the disk; nil where it is.
    public let failure: NodeHostError?
  }

  private struct Queue {
    var waiting: [(ticket: UInt64, changes: [RecordChange])] = []
    var isStopped = false
  }

  private let queue = Mutex(Queue())
  private let signal: ThreadSignal

  /// Starts the thread.
  ///
  /// - Parameter deliver: called on it after each batch, with what the state file says now.
  /// - Throws: ``NodeHostError`` where the system has no thread or descriptor left.
  public init(
    _ directory: StatusDirectory, deliver: @escaping @Sendable ([Report], StateFileReading?) -> Void
  ) throws(NodeHostError) {
    signal = try ThreadSignal()
    let (signal, take) = (signal, { @Sendable [weak self] in self?.take() })
    try OwnThread.start("lf-records") {
      while true {
        var waiting = pollfd(fd: signal.number, events: Int16(POLLIN), revents: 0)
        _ = poll(&waiting, 1, -1)
        signal.clear()
        while true {
          guard let batch = take() else { return }
          guard !batch.isEmpty else { break }
          let results = directory.make(batch.flatMap(\.changes))
          deliver(StatusDirectoryWriter.reports(batch, results), try? directory.stateNumber())
        }
      }
    }
  }

  deinit { stop() }

  /// Has these changes made, after all that were submitted before.
  public func submit(_ changes: [(ticket: UInt64, changes: [RecordChange])]) {
    guard !changes.isEmpty else { return }
    queue.withLock { $0.waiting += changes }
    signal.raise()
  }

  /// Ends the thread after the batch that it is at; what waits is dropped, unanswered.
  public func stop() {
    queue.withLock { $0.isStopped = true }
    signal.raise()
  }

  /// What waits; nil at the end.
  private func take() -> [(ticket: UInt64, changes: [RecordChange])]? {
    queue.withLock { queue in
      guard !queue.isStopped else { return nil }
      let share = queue.waiting.prefix(StatusDirectory.changesAtOnce)
      queue.waiting.removeFirst(share.count)
      return Array(share)
    }
  }

  private static func reports(
    _ batch: [(ticket: UInt64, changes: [RecordChange])], _ results: [Result<Void, NodeHostError>]
  ) -> [Report] {
    var rest = results[...]
    return batch.map { ticket, changes in
      var failure: NodeHostError?
      for result in rest.prefix(changes.count) {
        if case .failure(let error) = result { failure = failure ?? error }
      }
      rest = rest.dropFirst(changes.count)
      return Report(ticket: ticket, failure: failure)
    }
  }
}
