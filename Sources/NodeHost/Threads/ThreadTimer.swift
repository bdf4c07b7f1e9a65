import CLinux
import Glibc

/// A moment for which a thread of ours sleeps and that others set: a timerfd, closed when the last holder lets go of it.
/// Setting it wakes nobody.
final class ThreadTimer: Sendable {
  private let descriptor: Descriptor

  /// One that is not set.
  init() throws(NodeHostError) {
    let number = lfh_timer()
    guard number >= 0 else {
      throw NodeHostError(
        -number, "can't make a timerfd", remedy: "raise the limit of open files (LimitNOFILE=)")
    }
    descriptor = Descriptor(owning: number)
  }

  /// It ends so long from now, once; never where that is nil.
  func set(_ rest: Duration?) {
    lfh_set_timer(descriptor.number, rest.map { max($0, .zero).wholeNanoseconds } ?? -1)
  }

  /// Blocks the calling thread until it ends.
  func wait() {
    lfh_wait_for_event(descriptor.number, -1)
    var count: UInt64 = 0
    _ = Glibc.read(descriptor.number, &count, MemoryLayout<UInt64>.size)
  }
}
