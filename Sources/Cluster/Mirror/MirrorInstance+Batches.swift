import StatusMonitor

/// What goes to the store together, and how that ended.
extension MirrorInstance {
  /// The batch is durable in the store.
  public mutating func onCommitted(_ number: UInt64, now: BootInstant) -> [MirrorDirective] {
    guard let batch = inFlight, batch.number == number else { return [] }
    inFlight = nil
    problem = nil
    if batch.renewsOwner { hasStray = false }
    if let sentAt { adaptBatchLimit(records: batch.changes.count, took: now - sentAt) }
    for change in batch.changes {
      stored[change.client] = change.record
      uncertain.remove(change.client)
      if change.record == nil {
        departures[change.client] = nil
        if present[change.client] == nil { departed.insert(change.client) }
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
  ///
  /// - Parameter mayLand: it may happen yet, and must not after what follows it: an older value would replace a newer one
  ///   of the same owner, or a deletion a record that has come back.
  public mutating func onCommitFailed(
    _ number: UInt64, because text: String, mayLand: Bool, retryAfter delay: Duration, now: BootInstant
  ) -> [MirrorDirective] {
    guard let batch = inFlight, batch.number == number else { return [] }
    inFlight = nil
    problem = text
    batchLimit = MirrorBatch.usual
    if mayLand, !timings.has(.strayBatchMayLand) { hasStray = true }
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

  /// What the end of `batch` answers: whoever waited for what is stored now, or for what that has replaced.
  mutating func answer(to batch: MirrorBatch) {
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

  /// A large batch shares its transaction's costs among more records, a small one lets the beats pass sooner.
  mutating func adaptBatchLimit(records: Int, took: Duration) {
    if took <= MirrorBatch.quick, records >= batchLimit {
      batchLimit = min(batchLimit * 2, MirrorBatch.largest)
    } else if took > MirrorBatch.slow {
      batchLimit = max(batchLimit / 2, MirrorBatch.usual)
    }
  }

  mutating func nextBatch(now: BootInstant) -> MirrorBatch? {
    var chosen: [ClientName: MirrorBatch.Change] = [:]
    var taken = 0
    for client in queue {
      guard chosen.count < batchLimit else { break }
      taken += 1
      if let entry = pending[client] { chosen[client] = MirrorBatch.Change(client, entry.record) }
    }
    // What is taken stays pending until it is committed; a failed batch is queued again.
    queue.removeFirst(taken)
    let due = dueDepartures(now: now).intersection(
      timings.has(.departureIsNotLookedFor) ? Set(departures.keys) : absent)
    for client in due.sorted().prefix(batchLimit - chosen.count) where chosen[client] == nil {
      chosen[client] = MirrorBatch.Change(client, nil)
    }
    guard !chosen.isEmpty else { return nil }
    defer { nextNumber += 1 }
    return MirrorBatch(
      number: nextNumber, changes: chosen.values.sorted { $0.client < $1.client }, renewsOwner: hasStray)
  }

  /// Who has been away for long enough, where anybody may be deleted at all.
  func dueDepartures(now: BootInstant) -> Set<ClientName> {
    guard freezes.isEmpty, hasScanned, !departures.isEmpty else { return [] }
    return Set(departures.lazy.filter { now - $0.value >= self.departureDelay }.map(\.key))
  }

  var departureDelay: Duration { timings.has(.departureIsAtOnce) ? .zero : timings.departureDelay }
}
