import Foundation
import Glibc
import HostTestKit
import Synchronization

/// A watchdog at the other end of a FIFO: counts as a device would, and says when it would have reset its machine.
final class FIFOWatchdog: Sendable {
  private struct State {
    var fedAt: ContinuousClock.Instant?
    var feeds = 0
    var stops = 0
    var isOver = false
  }

  private let state = Mutex(State())
  private let timeout: Duration
  private let path: String

  /// Makes the FIFO and listens until ``end()``.
  init(_ path: String, timeout: Duration) throws {
    self.path = path
    self.timeout = timeout
    guard mkfifo(path, 0o600) == 0 else { throw HostTestError("no FIFO \(path)") }
    // For writing as well, so that it always has a reader and never an end.
    let fifo = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
    guard fifo >= 0 else { throw HostTestError("can't open \(path)") }
    Thread.detachNewThread { [self] in
      while !state.withLock({ $0.isOver }) {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(fifo, &bytes, bytes.count)
        for byte in bytes.prefix(max(count, 0)) { hear(byte) }
        usleep(5000)
      }
      close(fifo)
    }
  }

  private func hear(_ byte: UInt8) {
    state.withLock { state in
      if byte == UInt8(ascii: "V") {
        state.fedAt = nil
        state.stops += 1
      } else {
        state.fedAt = .now
        state.feeds += 1
      }
    }
  }

  func end() { state.withLock { $0.isOver = true } }

  /// It counts.
  var isArmed: Bool { state.withLock { $0.fedAt != nil } }
  var feeds: Int { state.withLock { $0.feeds } }
  var stops: Int { state.withLock { $0.stops } }
  /// Nobody has fed it in time.
  var hasExpired: Bool {
    state.withLock { state in state.fedAt.map { .now - $0 > timeout } ?? false }
  }
}
