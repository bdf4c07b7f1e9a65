public import StatusMonitor

/// Who leaves, and when that is believed.
extension MirrorInstance {
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

  /// These have no file, as a look that began after ``MirrorDirective/lookFor(_:)`` has seen: whoever has come back while
  /// this daemon stood still, or while events were lost, has one. Where nobody could look, none is told here, and
  /// ``onUnseen(_:now:)`` is.
  public mutating func onAbsent(_ clients: Set<ClientName>, now: BootInstant) -> [MirrorDirective] {
    absent = clients.intersection(lookedFor)
    lookedFor.subtract(clients)
    return directives(now: now)
  }

  /// Nobody could look whether these have a file; they are looked for again when the directory was read.
  public mutating func onUnseen(_ clients: Set<ClientName>, now: BootInstant) -> [MirrorDirective] {
    for client in clients where lookedFor.contains(client) && departures[client] != nil {
      departures[client] = now
    }
    lookedFor.subtract(clients)
    return directives(now: now)
  }

  mutating func depart(_ client: ClientName, now: BootInstant) {
    // One that was announced is counted once, and now.
    forgetAnnouncement(client)
    departures[client] = now
    recentDepartures.append(now)
  }

  mutating func forgetAnnouncement(_ client: ClientName) {
    if let announced = leaving.removeValue(forKey: client),
      let index = recentDepartures.firstIndex(of: announced)
    {
      recentDepartures.remove(at: index)
    }
  }

  mutating func judgeBurst(now: BootInstant) {
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

  /// Of these clients, whose records sm-notify has retired, those of whom nothing is known here: nobody saw their record
  /// before it was moved.
  public func unknown(among clients: Set<ClientName>) -> Set<ClientName> {
    clients.filter { !knows($0) && !departed.contains($0) }
  }

  /// The records of clients that were ``unknown(among:)``, as `sm.bak` has them: the kernel may go on with them as
  /// monitored and won't register them again, so they reach the store as if they had been seen in time.
  public mutating func onFoundRetired(_ records: [ClientName: [UInt8]], now: BootInstant) -> [MirrorDirective]
  {
    let unknown = unknown(among: Set(records.keys))
    for client in unknown.sorted() {
      guard let record = records[client], !record.isEmpty else { continue }
      enqueue(client, record, since: now)
    }
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
      } else if hasScanned, stored[client] != nil || pending[client] != nil, !heldBack.contains(client) {
        departures[client] = now
        recentDepartures.append(now)
      }
    }
    judgeBurst(now: now)
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

  /// statd renews a record by unlinking and creating it: coming back, it never left.
  mutating func comeBack(_ client: ClientName) {
    departed.remove(client)
    lookedFor.remove(client)
    if !timings.has(.returnIsIgnored), let left = departures.removeValue(forKey: client),
      let index = recentDepartures.firstIndex(of: left)
    {
      recentDepartures.remove(at: index)
    }
    stay(client)
  }

  /// It has not left after all.
  mutating func stay(_ client: ClientName) {
    forgetAnnouncement(client)
    if heldBack.remove(client) != nil, heldBack.isEmpty {
      freezes.remove(.burst)
      recentDepartures = []
    }
  }

  mutating func holdBackDepartures() {
    heldBack.formUnion(departures.keys)
    heldBack.formUnion(leaving.keys)
    departures = [:]
    leaving = [:]
  }
}
