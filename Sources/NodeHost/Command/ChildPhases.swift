/// When a child is told to end, when it is made to end, and when it has been waited for long enough.
///
/// A value without clock or process: it is told the time and says what to do next.
struct ChildPhases: Sendable {
  /// What its thread does next.
  enum Step: Sendable, Equatable {
    /// SIGTERM to the group.
    case terminate
    /// SIGKILL to the group.
    case kill
    /// Report that it can't be ended, and go on waiting.
    case giveUp
    /// It has exited and its output is over, or has had its moment: reap it.
    case reap
    /// Wait for news, at most this long; nil: as long as it takes.
    case wait(Duration?)
  }

  /// Why it was ended by us.
  enum Reason: Sendable, Equatable {
    case limit
    case stopped
  }

  /// How long output is waited for after the exit: a process in the background may hold it open forever.
  static let outputMoment = Duration.milliseconds(100)
  /// How long a killed child may take to go: one that hangs in a system call on a dead disk stays.
  static let killMoment = Duration.seconds(1)

  /// Why it was ended; nil while nothing ended it.
  private(set) var reason: Reason?
  private let deadline: Duration?
  private var stopRequested = false
  private var killAt: Duration?
  private var giveUpAt: Duration?
  private var killed = false
  private var gaveUp = false
  private var outputDeadline: Duration?

  init(now: Duration, limit: Duration?) {
    self.deadline = limit.map { now + $0 }
  }

  /// Someone wants it to end.
  mutating func stop(now: Duration) {
    stopRequested = true
  }

  /// What to do at `now`.
  mutating func step(now: Duration, exited: Bool, outputOpen: Bool) -> Step {
    if exited { return afterExit(now: now, outputOpen: outputOpen) }
    if reason == nil {
      if stopRequested {
        reason = .stopped
      } else if let deadline, now >= deadline {
        reason = .limit
      } else {
        return .wait(deadline.map { $0 - now })
      }
      killAt = now + HostCommand.terminationGrace
      return .terminate
    }
    return escalate(now: now)
  }

  private mutating func escalate(now: Duration) -> Step {
    if !killed {
      if let killAt, now < killAt { return .wait(killAt - now) }
      killed = true
      giveUpAt = now + Self.killMoment
      return .kill
    }
    if let giveUpAt, !gaveUp {
      if now < giveUpAt { return .wait(giveUpAt - now) }
      gaveUp = true
      return .giveUp
    }
    return .wait(nil)
  }

  private mutating func afterExit(now: Duration, outputOpen: Bool) -> Step {
    guard reason == nil else {
      // The rest of the group has until killAt, unless nothing holds the output any more.
      if !killed {
        if outputOpen, let killAt, now < killAt { return .wait(killAt - now) }
        killed = true
        return .kill
      }
      return waitForOutput(now: now, outputOpen: outputOpen)
    }
    return waitForOutput(now: now, outputOpen: outputOpen)
  }

  private mutating func waitForOutput(now: Duration, outputOpen: Bool) -> Step {
    guard outputOpen else { return .reap }
    let end = outputDeadline ?? now + Self.outputMoment
    outputDeadline = end
    return now < end ? .wait(end - now) : .reap
  }
}
