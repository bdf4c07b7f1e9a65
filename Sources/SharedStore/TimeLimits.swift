internal import CLinux
internal import Glibc
internal import Synchronization

/// Ends waiting at its limit, on a thread that touches no file.
///
/// The thread sleeps on a timer of the kernel's. A call that ends in time sets the timer and sets it back, and wakes
/// nobody: on a machine that has nothing else to do, waking a thread costs more than most calls.
final class TimeLimits: Sendable {
  /// One caller's limit.
  struct Ticket: Comparable {
    let deadline: ContinuousClock.Instant
    let number: UInt64

    static func < (left: Ticket, right: Ticket) -> Bool {
      (left.deadline, left.number) < (right.deadline, right.number)
    }
  }

  private struct Entry {
    let ticket: Ticket
    let expire: @Sendable () -> Void
  }

  private struct State {
    /// Ordered by ticket.
    var entries: [Entry] = []
    var numbers: UInt64 = 0
    /// What the thread sleeps on; nil where there is no thread.
    var timer: Timer?
    var isClosed = false

    /// The thread may end.
    var isOver: Bool { isClosed && entries.isEmpty }

    func place(of ticket: Ticket) -> Int {
      var range = 0..<entries.count
      while !range.isEmpty {
        let middle = (range.lowerBound + range.upperBound) / 2
        range =
          entries[middle].ticket < ticket ? middle + 1..<range.upperBound : range.lowerBound..<middle
      }
      return range.lowerBound
    }
  }

  /// A timerfd, closed when nobody holds it.
  private final class Timer: Sendable {
    let descriptor: Int32

    init?() {
      descriptor = lfh_timer()
      if descriptor < 0 { return nil }
    }

    deinit { _ = Glibc.close(descriptor) }

    /// Nil: never.
    func set(_ moment: ContinuousClock.Instant?) {
      guard let moment else { return lfh_set_timer(descriptor, -1) }
      let (seconds, attoseconds) = max(moment - .now, .zero).components
      lfh_set_timer(descriptor, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    func wait() {
      var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      _ = poll(&polled, 1, -1)
      var count: UInt64 = 0
      _ = Glibc.read(descriptor, &count, MemoryLayout<UInt64>.size)
    }
  }

  private let state = Mutex(State())

  /// Calls `expire` at `deadline`; nil where no thread could be had for that.
  func add(
    _ deadline: ContinuousClock.Instant, expire: @escaping @Sendable () -> Void
  ) -> Ticket? {
    state.withLock { state in
      guard let timer = startedThread(&state) else { return nil }
      let ticket = Ticket(deadline: deadline, number: state.numbers)
      state.numbers += 1
      let place = state.place(of: ticket)
      state.entries.insert(Entry(ticket: ticket, expire: expire), at: place)
      if place == 0 { timer.set(deadline) }
      return ticket
    }
  }

  /// Forgets a limit that was kept.
  func remove(_ ticket: Ticket) {
    state.withLock { state in
      let place = state.place(of: ticket)
      guard place < state.entries.count, state.entries[place].ticket == ticket else { return }
      state.entries.remove(at: place)
      if place == 0 { state.timer?.set(state.isOver ? .now : state.entries.first?.ticket.deadline) }
    }
  }

  /// Lets the thread end when nobody's limit is left.
  func close() {
    state.withLock { state in
      state.isClosed = true
      state.timer?.set(.now)
    }
  }

  private func startedThread(_ state: inout State) -> Timer? {
    if let timer = state.timer { return timer }
    guard let timer = Timer(), OwnThread.start({ self.keep(timer) }) else { return nil }
    state.timer = timer
    return timer
  }

  private func keep(_ timer: Timer) {
    while true {
      timer.wait()
      let (due, isOver) = state.withLock { state in
        let now = ContinuousClock.now
        let due = state.entries.prefix { $0.ticket.deadline <= now }.map(\.expire)
        state.entries.removeFirst(due.count)
        timer.set(state.entries.first?.ticket.deadline)
        if state.isOver { state.timer = nil }
        return (due, state.isOver)
      }
      for expire in due { expire() }
      if isOver { return }
    }
  }
}
