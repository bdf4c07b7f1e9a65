import Logging
import NodeHost
import StatusMonitor

/// Writes what happens to the log, but not more than strangers should be able to make it write.
struct EventLog {
  private static let linesPerWindow = 100
  private static let window = Duration.seconds(10)

  let log: Logger
  private var windowStart = Duration.zero
  private var lines = 0
  private var left = 0

  init(_ log: Logger) { self.log = log }

  mutating func tell(_ event: StatusMonitorEvent, now: Duration) {
    if now - windowStart >= EventLog.window {
      if left > 0 { log.warning("\(left) lines like the ones before were left out") }
      (windowStart, lines, left) = (now, 0, 0)
    }
    let level = level(of: event)
    guard log.logLevel <= level else { return }
    guard lines < EventLog.linesPerWindow else {
      left += 1
      return
    }
    lines += 1
    log.log(level: level, "\(event)")
  }

  private func level(of event: StatusMonitorEvent) -> Logger.Level {
    switch event {
    case .calledBack, .restarted: .notice
    case .mirrorsAgain: .notice
    case .unknownPeer: .info
    case .refused, .crashSimulated: .warning
    case .notWritten, .refusedUnmirrored, .callbackAbandoned: .error
    case .grantedUnmirrored: .critical
    }
  }
}
