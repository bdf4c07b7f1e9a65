import NodeHost
import StatusMonitor
import Synchronization

/// What other threads report to the loop's thread.
final class Inbox: Sendable {
  enum Report: Sendable {
    case written([StatusDirectoryWriter.Report], StateFileReading?)
    case mirrored([(ticket: UInt64, outcome: RecordOutcome)])
    case resolved(UInt64, [HostAddress])
    case stop
  }

  private let reports = Mutex<[Report]>([])
  private let signal: ThreadSignal

  init() throws(NodeHostError) { signal = try ThreadSignal() }

  /// Readable as long as there are reports.
  var descriptor: Int32 { signal.number }

  func add(_ report: Report) {
    reports.withLock { $0.append(report) }
    signal.raise()
  }

  func take() -> [Report] {
    signal.clear()
    return reports.withLock { reports in
      defer { reports = [] }
      return reports
    }
  }
}
