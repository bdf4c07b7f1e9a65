import CLinux
import Glibc

/// Wakes a thread of ours that waits in poll(2): an eventfd, closed when the last holder lets go of it.
public final class ThreadSignal: Sendable {
  private let descriptor: Descriptor

  /// A signal that nobody has raised.
  public init() throws(NodeHostError) {
    let number = lfh_event()
    guard number >= 0 else {
      throw NodeHostError(
        -number, "can't make an eventfd", remedy: "raise the limit of open files (LimitNOFILE=)")
    }
    self.descriptor = Descriptor(owning: number)
  }

  /// What to poll for POLLIN.
  public var number: Int32 { descriptor.number }

  /// Wakes the thread, now or when it next waits.
  public func raise() {
    lfh_signal_event(descriptor.number)
  }

  /// Blocks the calling thread until it is raised, or for as long as `limit`; for ever where that is nil.
  public func wait(for limit: Duration?) {
    guard let limit else { return lfh_wait_for_event(descriptor.number, -1) }
    let (seconds, attoseconds) = min(max(limit, .zero), .seconds(3600)).components
    lfh_wait_for_event(descriptor.number, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
  }

  /// Forgets that it was raised.
  public func clear() {
    var count: UInt64 = 0
    _ = Glibc.read(descriptor.number, &count, MemoryLayout<UInt64>.size)
  }
}
