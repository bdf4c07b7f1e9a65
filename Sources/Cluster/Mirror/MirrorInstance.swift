public import StatusMonitor

/// The mirror of one service's records: what is in the status directory, what is in the store, and what has
/// to go from the one to the other.
///
/// Puts go at once. Deletions are guarded (rule 5 of the architecture): nothing is deleted because it is
/// missing. A record leaves the store only when its file was seen to be unlinked by itself while the lock
/// manager was up, and has not come back for longer than the grace period. A burst of removals, a directory
/// that vanished, a lock manager that is down freeze all deletions: since Linux 6.4 a stopping NFS server
/// unmonitors every client, and following that would lose every lock.
public struct MirrorInstance: Sendable {
  /// Why deletions are frozen.
  public enum Freeze: Hashable, Sendable, Comparable {
    /// More departures than `mirror.burst` within `mirror.burst_window`, or at least two and half of all records
    /// within a second; until thawed, or all are back.
    case burst
    /// The status directory is not there.
    case directoryGone
    /// A health probe of the NFS server fails.
    case lockManagerDown
    /// A plan runs, or ended less than the departure delay ago.
    case plan
    /// The lock manager's grace period runs: it has just started, whoever did that, and what left before may have been
    /// unmonitored by its end.
    case gracePeriod
  }

  struct Callout {
    var ticket: UInt64
    var record: [UInt8]
  }

  struct Pending {
    var record: [UInt8]
    var since: BootInstant
  }

  let timings: MirrorTimings
  /// What the store holds.
  var stored: [ClientName: [UInt8]]
  /// What the directory holds.
  public internal(set) var present: [ClientName: [UInt8]] = [:]
  /// Different in the store. Also when its file has gone since: it reaches the store all the same, and leaves it
  /// by the guard, or a stopping server would take along what a slow store had not yet taken.
  var pending: [ClientName: Pending] = [:]
  /// The pending in the order in which they came; some may no longer be pending.
  var queue: [ClientName] = []
  /// Seen to be unlinked, and when.
  var departures: [ClientName: BootInstant] = [:]
  /// Their departures are due, and the shell looks whether they have come back.
  var lookedFor: Set<ClientName> = []
  /// Were looked for just now and have no file.
  var absent: Set<ClientName> = []
  /// Deleted from the store since the mirror began, and not seen again.
  var departed: Set<ClientName> = []
  /// Left, or were announced to leave, while deletions were frozen: kept until they come back or an operator thaws.
  var heldBack: Set<ClientName> = []
  var recentDepartures: [BootInstant] = []
  /// Announced by statd (`del-client`), still there, and since when. Each is in ``recentDepartures`` already.
  var leaving: [ClientName: BootInstant] = [:]
  /// Callouts whose client waits for its lock until the record is in the store.
  var callouts: [ClientName: [Callout]] = [:]
  /// Answers that go with the next directives.
  var answers: [MirrorDirective] = []
  var freezes: Set<Freeze> = []
  var planFreezeEnds: BootInstant?
  var inFlight: MirrorBatch?
  var sentAt: BootInstant?
  /// The most records of the next batch.
  var batchLimit = MirrorBatch.usual
  /// Of batches with an unknown end: what the store holds is not known until one of them ends well.
  var uncertain: Set<ClientName> = []
  /// A batch of which nobody knows the end may still land.
  var hasStray = false
  var retryAt: BootInstant?
  var nextNumber: UInt64 = 1
  var wakeAt: BootInstant?
  var problem: String?
  /// The directory was read as a whole at least once.
  public internal(set) var hasScanned = false

  /// - Parameter stored: the records that the store holds now.
  public init(timings: MirrorTimings, stored: [ClientName: [UInt8]]) {
    self.timings = timings
    self.stored = stored
  }

  /// The whole directory was read: `records` is all of it.
  ///
  /// What was present before and is missing now was seen to leave by nobody: it is kept in the store, unless statd
  /// had announced that it leaves.
  public mutating func onScan(_ records: [ClientName: [UInt8]], now: BootInstant) -> [MirrorDirective] {
    hasScanned = true
    freezes.remove(.directoryGone)
    let left =
      timings.has(.missingIsDeparted)
      ? present.keys.filter { records[$0] == nil } : leaving.keys.filter { records[$0] == nil }
    // Both are one and the same where nothing has changed since the last scan: then this costs nothing.
    let isAsBefore = present == records
    if !isAsBefore { for client in present.keys where records[client] == nil { present[client] = nil } }
    for client in left { depart(client, now: now) }
    // Announced, and still there long after: statd could not remove it, or has it again.
    for (client, since) in leaving where now - since > timings.burstWindow { stay(client) }
    if !freezes.isEmpty { holdBackDepartures() }
    let changed = records.filter { client, record in
      stored[client] != record || !isAsBefore && present[client] != record
        || !uncertain.isEmpty && uncertain.contains(client)
    }
    for client in changed.keys.sorted() { see(client, changed[client] ?? [], now: now) }
    for client in heldBack.union(departures.keys).sorted() {
      if let record = records[client] { see(client, record, now: now) }
    }
    // One piece of memory for what is held twice.
    if present == records { present = records }
    return directives(now: now)
  }

  /// statd's callout says that it has written `record`, and waits: `ticket` is answered with
  /// ``MirrorDirective/answer(ticket:_:)`` when that, or what statd wrote after it, is in the store, or when a commit of it
  /// has failed.
  ///
  /// - Parameter record: not empty.
  public mutating func onCallout(
    _ ticket: UInt64, _ client: ClientName, _ record: [UInt8], now: BootInstant
  ) -> [MirrorDirective] {
    if timings.has(.answerComesFirst) { answers.append(.answer(ticket: ticket, .durable)) }
    callouts[client, default: []].append(Callout(ticket: ticket, record: record))
    see(client, record, now: now)
    return directives(now: now)
  }

  /// One file was written, or moved into the directory.
  public mutating func onWritten(_ client: ClientName, _ record: [UInt8], now: BootInstant)
    -> [MirrorDirective]
  {
    see(client, record, now: now)
    return directives(now: now)
  }

  /// The directory is not there.
  public mutating func onDirectoryGone(now: BootInstant) -> [MirrorDirective] {
    if timings.has(.directoryGoneIsDeparture) { return onRemoved(Set(stored.keys), now: now) }
    present = [:]
    leaving = [:]
    freezes.insert(.directoryGone)
    holdBackDepartures()
    return directives(now: now)
  }

  /// Whether the lock manager is known to be up.
  public mutating func onLockManager(isUp: Bool, now: BootInstant) -> [MirrorDirective] {
    if isUp {
      freezes.remove(.lockManagerDown)
    } else {
      freezes.insert(.lockManagerDown)
      holdBackDepartures()
    }
    return directives(now: now)
  }

  /// Whether the lock manager's grace period runs. A departure waits longer than that period lasts, so that a restart that
  /// no probe noticed shows itself here in time.
  public mutating func onGracePeriod(isRunning: Bool, now: BootInstant) -> [MirrorDirective] {
    if isRunning, !timings.has(.graceIsNoFreeze) {
      freezes.insert(.gracePeriod)
      holdBackDepartures()
    } else {
      freezes.remove(.gracePeriod)
    }
    return directives(now: now)
  }

  /// A plan of the service begins, or ends (`isRunning` false): clients may still be reclaiming for as long as
  /// the departure delay after it.
  public mutating func onPlan(isRunning: Bool, now: BootInstant) -> [MirrorDirective] {
    if !timings.has(.planIsNoFreeze) { freezes.insert(.plan) }
    holdBackDepartures()
    planFreezeEnds = isRunning ? nil : now + timings.departureDelay
    return directives(now: now)
  }

  /// A moment that was asked for has come.
  public mutating func onTimer(now: BootInstant) -> [MirrorDirective] {
    if let wakeAt, now >= wakeAt { self.wakeAt = nil }
    return directives(now: now)
  }

  mutating func see(_ client: ClientName, _ record: [UInt8], now: BootInstant) {
    comeBack(client)
    // statd creates a record's file before it writes the line: an empty file is not yet a record, and never
    // a reason to overwrite one.
    guard !record.isEmpty else { return }
    present[client] = record
    if stored[client] == record, !isUncertain(client) {
      pending[client] = nil
      // What they waited for has been replaced by what the store has.
      for callout in callouts.removeValue(forKey: client) ?? [] {
        answers.append(.answer(ticket: callout.ticket, .durable))
      }
    } else if pending[client]?.record != record {
      enqueue(client, record, since: pending[client]?.since ?? now)
    }
  }

  mutating func enqueue(_ client: ClientName, _ record: [UInt8], since: BootInstant) {
    pending[client] = Pending(record: record, since: since)
    queue.append(client)
  }

  /// A change of it is on its way, or may have arrived though nobody said so.
  func isUncertain(_ client: ClientName) -> Bool {
    uncertain.contains(client) || inFlight?.changes.contains { $0.client == client } == true
  }

  mutating func directives(now: BootInstant) -> [MirrorDirective] {
    var directives = answers
    answers = []
    if let ends = planFreezeEnds, now >= ends {
      planFreezeEnds = nil
      freezes.remove(.plan)
    }
    if let retryAt, now >= retryAt { self.retryAt = nil }
    if inFlight == nil, retryAt == nil {
      if let batch = nextBatch(now: now) {
        inFlight = batch
        sentAt = now
        directives.append(.commit(batch))
      } else {
        let unseen = dueDepartures(now: now).subtracting(lookedFor)
        lookedFor.formUnion(unseen)
        if !unseen.isEmpty { directives.append(.lookFor(unseen)) }
      }
    }
    // What was seen counts for this moment.
    absent = []
    if let moment = nextMoment, moment != wakeAt {
      wakeAt = moment
      directives.append(.wake(at: moment))
    }
    return directives
  }

  var nextMoment: BootInstant? {
    var moments: [BootInstant] = []
    if let retryAt { moments.append(retryAt) }
    if let planFreezeEnds { moments.append(planFreezeEnds) }
    // What is due already goes with the next batch that may go.
    if freezes.isEmpty, hasScanned, inFlight == nil, retryAt == nil,
      let first = departures.lazy.filter({ [lookedFor] in !lookedFor.contains($0.key) }).map(\.value).min()
    {
      moments.append(first + departureDelay)
    }
    return moments.min()
  }
}
