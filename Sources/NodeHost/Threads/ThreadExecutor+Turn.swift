internal import Glibc
internal import Synchronization

/// One thread runs everything, and others stand in: they sleep until the first has been in a call for too long, and then one
/// of them goes on in its place. Whoever comes back from such a call stands in next, or ends.
extension ThreadExecutor {
  /// While there is always something to run, descriptors are looked at this often.
  private static let pollPause = Duration.milliseconds(2)

  enum Part {
    case working(turn: UInt64)
    case standingIn
  }

  /// A thread's life.
  func live(as first: Part) {
    var part: Part? = first
    while let current = part {
      switch current {
      case .working(let turn):
        work(turn)
        part = state.withLock { state in
          guard !state.isOver, state.standIns < ThreadExecutorState.mostStandIns else { return nil }
          state.addStandIn()
          return .standingIn
        }
        // Calls may have waited for somebody who stands in.
        if part != nil { signal.raise() }
      case .standingIn:
        part = standIn().map { .working(turn: $0) }
      }
    }
  }

  /// Waits until it is this thread's turn; nil: everything is over.
  private func standIn() -> UInt64? {
    while true {
      patienceEnd.wait()
      let (turn, isOver): (UInt64?, Bool) = state.withLock { state in
        if state.isOver { return (nil, true) }
        guard let end = state.turnEnds else { return (nil, false) }
        let rest = end - .now
        guard rest <= .zero else {
          // It was set for another call.
          patienceEnd.set(rest)
          return (nil, false)
        }
        state.turnEnds = nil
        state.standIns -= 1
        state.turn += 1
        return (state.turn, false)
      }
      if isOver {
        // For the next one: the timer ends for whoever reads it first.
        patienceEnd.set(.zero)
        return nil
      }
      if let turn { return turn }
    }
  }

  /// Runs what there is until another thread has taken over, or everything is over.
  private func work(_ turn: UInt64) {
    var jobs: [UnownedJob] = []
    var polled: [pollfd] = []
    var polledAt = ContinuousClock.now
    while true {
      jobs.removeAll(keepingCapacity: true)
      let round = state.withLock { $0.takeRound(&jobs, startStandIn: startStandIn) }
      if round.isOver {
        // Those who stand in end, too.
        patienceEnd.set(.zero)
        return
      }
      for sleeper in round.due { sleeper.continuation.resume() }
      for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
      if let hanging = round.hanging {
        guard keepsTurn(turn, during: hanging) else { return }
      }
      guard let now = round.now else { continue }
      if jobs.isEmpty, round.due.isEmpty, round.hanging == nil {
        wait(&polled)
        polledAt = .now
      } else if now - polledAt >= Self.pollPause {
        look(&polled)
        polledAt = now
      }
    }
  }

  /// Runs what may hang; false where another thread has taken over meanwhile.
  private func keepsTurn(_ turn: UInt64, during hanging: ThreadExecutorState.Hanging) -> Bool {
    let isWanted = state.withLock { state in
      // A task of this round may have detached it.
      if case .source(let source) = hanging, !state.isAttached(source) { return false }
      state.turnEnds = .now + Self.patience
      state.isPatienceSet = true
      return true
    }
    guard isWanted else { return true }
    patienceEnd.set(Self.patience)
    switch hanging {
    case .call(let call): call()
    case .source(let source):
      let rest = source.run()
      change { $0.rest(source, rest) }
    }
    return state.withLock { state in
      guard state.turn == turn else { return false }
      // The timer is left alone until the thread waits: the next call mostly comes at once.
      state.turnEnds = nil
      return true
    }
  }

  /// Waits until something is queued, or is to be read, or somebody's time has come.
  private func wait(_ polled: inout [pollfd]) {
    let (nextWake, isPatienceSet) = state.withLock { state in
      list(&polled, state)
      defer { state.isPatienceSet = false }
      return (state.nextWake, state.isPatienceSet)
    }
    if isPatienceSet { patienceEnd.set(nil) }
    // Whatever was queued since has raised the signal.
    poll(&polled, nextWake.map { ($0 - .now).pollMilliseconds } ?? -1)
  }

  /// Looks whether there is something to read.
  private func look(_ polled: inout [pollfd]) {
    state.withLock { list(&polled, $0) }
    if polled.count > 1 { poll(&polled, 0) }
  }

  private func list(_ polled: inout [pollfd], _ state: ThreadExecutorState) {
    polled.removeAll(keepingCapacity: true)
    polled.append(pollfd(fd: signal.number, events: Int16(POLLIN), revents: 0))
    for place in state.sources.indices where state.sources[place].isPolled {
      polled.append(
        pollfd(fd: state.sources[place].source.descriptor, events: Int16(POLLIN), revents: 0))
    }
  }

  private func poll(_ polled: inout [pollfd], _ milliseconds: Int32) {
    let isReady = Glibc.poll(&polled, nfds_t(polled.count), milliseconds) > 0
    if isReady, polled[0].revents != 0 { signal.clear() }
    state.withLock { state in
      state.isAwake = true
      guard isReady else { return }
      for found in polled.dropFirst() where found.revents != 0 {
        for place in state.sources.indices where state.sources[place].source.descriptor == found.fd {
          state.sources[place].isReadable = true
        }
      }
    }
  }
}
