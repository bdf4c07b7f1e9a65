import StatusMonitor

/// Timers, the earliest first: a binary heap.
struct TimerQueue {
  private var entries: [(at: Duration, timer: StatusMonitorTimer)] = []

  /// When the next one is due.
  var next: Duration? { entries.first?.at }

  mutating func set(_ timer: StatusMonitorTimer, at: Duration) {
    entries.append((at, timer))
    var child = entries.count - 1
    while child > 0, entries[(child - 1) / 2].at > entries[child].at {
      entries.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// Takes one that is due by `now`.
  mutating func takeDue(now: Duration) -> StatusMonitorTimer? {
    guard let first = entries.first, first.at <= now else { return nil }
    entries.swapAt(0, entries.count - 1)
    entries.removeLast()
    var parent = 0
    while true {
      let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < entries.count }
      guard let least = children.min(by: { entries[$0].at < entries[$1].at }),
        entries[least].at < entries[parent].at
      else { return first.timer }
      entries.swapAt(parent, least)
      parent = least
    }
  }
}
