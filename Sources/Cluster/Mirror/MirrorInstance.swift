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
  }

  private struct Callout {
    var ticket: UInt64
    var record: [UInt8]
  }

  struct Pending {
    var record: [UInt8]
    var since: BootInstant
  }

  private let timings: MirrorTimings
  /// What the store holds.
  private(set) var stored: [ClientName: [UInt8]]
  /// What the directory holds.
  public private(set) var present: [ClientName: [UInt8]] = [:]
  /// Different in the store. Also when its file has gone since: it reaches the store all the same, and leaves it
  /// by the guard, or a stopping server would take along what a slow store had not yet taken.
  private(set) var pending: [ClientName: Pending] = [:]
  /// The pending in the order in which they came; some may no longer be pending.
  private var queue: [ClientName] = []
  /// Seen to be unlinked, and when.
  private(set) var departures: [ClientName: BootInstant] = [:]
  /// Left, or were announced to leave, while deletions were frozen: kept until they come back or an operator thaws.
  private var heldBack: Set<ClientName> = []
  private var recentDepartures: [BootInstant] = []
  /// Announced by statd (`del-client`), still there, and since when. Each is in ``recentDepartures`` already.
  private var leaving: [ClientName: BootInstant] = [:]
  /// Callouts whose client waits for its lock until the record is in the store.
  private var callouts: [ClientName: [Callout]] = [:]
  /// Answers that go with the next directives.
  private var answers: [MirrorDirective] = []
  private(set) var freezes: Set<Freeze> = []
  private var planFreezeEnds: BootInstant?
  private(set) var inFlight: MirrorBatch?
  private var sentAt: BootInstant?
  /// The most records of the next batch.
  private var batchLimit = MirrorBatch.usual
  /// Of batches with an unknown end: what the store holds is not known until one of them ends well.
  private var uncertain: Set<ClientName> = []
  private var retryAt: BootInstant?
  private var nextNumber: UInt64 = 1
  private var wakeAt: BootInstant?
  private(set) var problem: String?
  /// The directory was read as a whole at least once.
  public private(set) var hasScanned = false

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

  /// statd's callout says that these clients leave (`del-client`), just before it unlinks their files: if the files
  /// are missing afterwards, whether or not anybody saw them go, these are departures.
  ///
  /// The guard holds all the same: since Linux 6.4 a stopping NFS server has statd say this of every client.
  public mutating func onLeaving(_ clients: Set<ClientName>, now: BootInstant) -> [MirrorDirective] {
    for client in clients.sorted() where departures[client] == nil && leaving[client] == nil {
      if present[client] != nil {
        leaving[client] = now
        recentDepartures.append(now)
      } else if hasScanned, stored[client] != nil, !heldBack.contains(client) {
        departures[client] = now
        recentDepartures.append(now)
      }
    }
    judgeBurst(now: now)
    return directives(now: now)
  }

  /// One file was written, or moved into the directory.
  public mutating func onWritten(_ client: ClientName, _ record: [UInt8], now: BootInstant)
    -> [MirrorDirective]
  {
    see(client, record, now: now)
    return directives(now: now)
  }

  /// Files were unlinked one by one and have not come back.
  public mutating func onRemoved(_ clients: Set<ClientName>, now: BootInstant) -> [MirrorDirective] {
    for client in clients.sorted() {
      let wasPresent = present.removeValue(forKey: client) != nil
      // One that had not reached the store yet counts as well: it may be part of a burst.
      guard wasPresent || stored[client] != nil || isUncertain(client), departures[client] == nil else {
        continue
      }
      depart(client, now: now)
    }
    judgeBurst(now: now)
    return directives(now: now)
  }

  private mutating func depart(_ client: ClientName, now: BootInstant) {
    // One that was announced is counted once, and now.
    forgetAnnouncement(client)
    departures[client] = now
    recentDepartures.append(now)
  }

  private mutating func forgetAnnouncement(_ client: ClientName) {
    if let announced = leaving.removeValue(forKey: client),
      let index = recentDepartures.firstIndex(of: announced)
    {
      recentDepartures.remove(at: index)
    }
  }

  private mutating func judgeBurst(now: BootInstant) {
    recentDepartures.removeAll { now - $0 > timings.burstWindow }
    // A server with few clients stops as well, and then unmonitors all of them within a fraction of a second.
    let atOnce = recentDepartures.count { now - $0 <= .seconds(1) }
    let stillThere = leaving.values.count { now - $0 <= .seconds(1) }
    let isMost = atOnce > 1 && atOnce * 2 >= present.count + atOnce - stillThere
    if recentDepartures.count > timings.burst || isMost, !timings.has(.burstIsNoFreeze) {
      freezes.insert(.burst)
    }
    if !freezes.isEmpty { holdBackDepartures() }
  }

  /// Files were moved away: sm-notify retires records into `sm.bak`. That is no departure: the kernel goes on with
  /// its client as monitored and won't register it again.
  public mutating func onRetired(_ clients: Set<ClientName>, now: BootInstant) -> [MirrorDirective] {
    if timings.has(.retirementIsDeparture) { return onRemoved(clients, now: now) }
    for client in clients {
      present[client] = nil
      // What can be moved away was there: if it had left, it had come back.
      comeBack(client)
    }
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

  /// A plan of the service begins, or ends (`isRunning` false): clients may still be reclaiming for as long as
  /// the departure delay after it.
  public mutating func onPlan(isRunning: Bool, now: BootInstant) -> [MirrorDirective] {
    if !timings.has(.planIsNoFreeze) { freezes.insert(.plan) }
    holdBackDepartures()
    planFreezeEnds = isRunning ? nil : now + timings.departureDelay
    return directives(now: now)
  }

  /// An operator says that what left during a freeze was real: it departs after the usual delay from now. What is
  /// missing for another reason (retired by sm-notify, gone while no daemon ran) was seen to leave by nobody, and stays.
  public mutating func onThaw(now: BootInstant) -> [MirrorDirective] {
    freezes.remove(.burst)
    recentDepartures = []
    let left = timings.has(.thawTakesMissing) ? Set(stored.keys) : heldBack
    for client in left where present[client] == nil { departures[client] = now }
    heldBack = []
    if !freezes.isEmpty { holdBackDepartures() }
    return directives(now: now)
  }

  /// The batch is durable in the store.
  public mutating func onCommitted(_ number: UInt64, now: BootInstant) -> [MirrorDirective] {
    guard let batch = inFlight, batch.number == number else { return [] }
    inFlight = nil
    problem = nil
    if let sentAt { adaptBatchLimit(records: batch.changes.count, took: now - sentAt) }
    for change in batch.changes {
      stored[change.client] = change.record
      uncertain.remove(change.client)
      if change.record == nil {
        departures[change.client] = nil
      } else if pending[change.client]?.record == change.record {
        pending[change.client] = nil
      }
      // It may have come back while its deletion was under way.
      if let record = present[change.client], stored[change.client] != record {
        enqueue(change.client, record, since: pending[change.client]?.since ?? now)
      }
    }
    answer(to: batch)
    return directives(now: now)
  }

  /// The batch is not known to be in the store: it is tried again after `delay`.
  public mutating func onCommitFailed(
    _ number: UInt64, because text: String, retryAfter delay: Duration, now: BootInstant
  ) -> [MirrorDirective] {
    guard let batch = inFlight, batch.number == number else { return [] }
    inFlight = nil
    problem = text
    batchLimit = MirrorBatch.usual
    uncertain.formUnion(batch.changes.map(\.client))
    if timings.has(.failedBatchIsForgotten) { for change in batch.changes { pending[change.client] = nil } }
    queue = batch.changes.map(\.client).filter { pending[$0] != nil } + queue
    retryAt = now + delay
    for change in batch.changes {
      for callout in callouts.removeValue(forKey: change.client) ?? [] {
        let isTold = timings.has(.failureAnswersDurable)
        answers.append(.answer(ticket: callout.ticket, isTold ? .durable : .notDurable(because: text)))
      }
    }
    return directives(now: now)
  }

  /// A moment that was asked for has come.
  public mutating func onTimer(now: BootInstant) -> [MirrorDirective] {
    if let wakeAt, now >= wakeAt { self.wakeAt = nil }
    return directives(now: now)
  }

  private mutating func see(_ client: ClientName, _ record: [UInt8], now: BootInstant) {
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

  /// statd renews a record by unlinking and creating it: coming back, it never left.
  private mutating func comeBack(_ client: ClientName) {
    if !timings.has(.returnIsIgnored), let left = departures.removeValue(forKey: client),
      let index = recentDepartures.firstIndex(of: left)
    {
      recentDepartures.remove(at: index)
    }
    stay(client)
  }

  /// It has not left after all.
  private mutating func stay(_ client: ClientName) {
    forgetAnnouncement(client)
    if heldBack.remove(client) != nil, heldBack.isEmpty {
      freezes.remove(.burst)
      recentDepartures = []
    }
  }

  private mutating func enqueue(_ client: ClientName, _ record: [UInt8], since: BootInstant) {
    pending[client] = Pending(record: record, since: since)
    queue.append(client)
  }

  /// A change of it is on its way, or may have arrived though nobody said so.
  private func isUncertain(_ client: ClientName) -> Bool {
    uncertain.contains(client) || inFlight?.changes.contains { $0.client == client } == true
  }

  /// What the end of `batch` answers: whoever waited for what is stored now, or for what that has replaced.
  private mutating func answer(to batch: MirrorBatch) {
    for change in batch.changes where change.record != nil {
      guard let waiting = callouts.removeValue(forKey: change.client) else { continue }
      let isNewest = pending[change.client] == nil
      var left: [Callout] = []
      for callout in waiting {
        if isNewest || callout.record == change.record {
          answers.append(.answer(ticket: callout.ticket, .durable))
        } else {
          left.append(callout)
        }
      }
      if !left.isEmpty { callouts[change.client] = left }
    }
  }

  private mutating func holdBackDepartures() {
    heldBack.formUnion(departures.keys)
    heldBack.formUnion(leaving.keys)
    departures = [:]
    leaving = [:]
  }

  private mutating func directives(now: BootInstant) -> [MirrorDirective] {
    var directives = answers
    answers = []
    if let ends = planFreezeEnds, now >= ends {
      planFreezeEnds = nil
      freezes.remove(.plan)
    }
    if let retryAt, now >= retryAt { self.retryAt = nil }
    if inFlight == nil, retryAt == nil, let batch = nextBatch(now: now) {
      inFlight = batch
      sentAt = now
      directives.append(.commit(batch))
    }
    if let moment = nextMoment, moment != wakeAt {
      wakeAt = moment
      directives.append(.wake(at: moment))
    }
    return directives
  }

  /// A large batch shares its transaction's costs among more records, a small one lets the beats pass sooner.
  private mutating func adaptBatchLimit(records: Int, took: Duration) {
    if took <= MirrorBatch.quick, records >= batchLimit {
      batchLimit = min(batchLimit * 2, MirrorBatch.largest)
    } else if took > MirrorBatch.slow {
      batchLimit = max(batchLimit / 2, MirrorBatch.usual)
    }
  }

  private mutating func nextBatch(now: BootInstant) -> MirrorBatch? {
    var chosen: [ClientName: MirrorBatch.Change] = [:]
    var taken = 0
    for client in queue {
      guard chosen.count < batchLimit else { break }
      taken += 1
      if let entry = pending[client] { chosen[client] = MirrorBatch.Change(client, entry.record) }
    }
    // What is taken stays pending until it is committed; a failed batch is queued again.
    queue.removeFirst(taken)
    if freezes.isEmpty, hasScanned {
      let due = departures.filter { now - $0.value >= departureDelay }.keys.sorted()
      for client in due.prefix(batchLimit - chosen.count) where chosen[client] == nil {
        chosen[client] = MirrorBatch.Change(client, nil)
      }
    }
    guard !chosen.isEmpty else { return nil }
    defer { nextNumber += 1 }
    return MirrorBatch(number: nextNumber, changes: chosen.values.sorted { $0.client < $1.client })
  }

  private var departureDelay: Duration { timings.has(.departureIsAtOnce) ? .zero : timings.departureDelay }

  private var nextMoment: BootInstant? {
    var moments: [BootInstant] = []
    if let retryAt { moments.append(retryAt) }
    if let planFreezeEnds { moments.append(planFreezeEnds) }
    // What is due already goes with the next batch that may go.
    if freezes.isEmpty, hasScanned, inFlight == nil, retryAt == nil, let first = departures.values.min() {
      moments.append(first + departureDelay)
    }
    return moments.min()
  }
}
