public import StatusMonitor

extension MirrorInstance {
  /// How the mirror stands.
  public struct Report: Sendable, Equatable {
    /// Records in the directory.
    public var seen: Int
    /// Of these, in the store as they are.
    public var mirrored: Int
    /// Age of the oldest that is not.
    public var lag: Duration
    /// In the store, no longer in the directory, and not departing.
    public var retained: Int
    /// Departures waiting for their delay.
    public var departing: Int
    /// Why nothing is deleted; empty when it may be.
    public var frozenBecause: [Freeze]
    /// Why the last commit failed.
    public var problem: String?
  }

  /// How the mirror stands at `now`.
  public func report(now: BootInstant) -> Report {
    let oldest = pending.values.map(\.since).min()
    // Asked again and again while thousands are on their way, so it counts the few that differ: what is present and not
    // pending is in the store as it is.
    let waiting = pending.keys.count { present[$0] != nil }
    let stillStored = present.count - pending.keys.count { present[$0] != nil && stored[$0] == nil }
    let left = departures.keys.count { present[$0] == nil && stored[$0] != nil }
    return Report(
      seen: present.count, mirrored: present.count - waiting,
      lag: oldest.map { now - $0 } ?? .zero, retained: stored.count - stillStored - left,
      departing: departures.count, frozenBecause: freezes.sorted(), problem: problem)
  }

  /// One record as the mirror knows it.
  public enum RecordState: String, Sendable {
    /// In the directory and in the store.
    case mirrored
    /// Not yet in the store.
    case pending
    /// Unlinked, and to be deleted from the store after the delay.
    case departing
    /// In the store only, and kept.
    case retained
  }

  /// Every record that the directory or the store has.
  public var records: [(client: ClientName, record: [UInt8], state: RecordState)] {
    Set(stored.keys).union(present.keys).union(pending.keys).sorted().map { client in
      let record = present[client] ?? pending[client]?.record ?? stored[client] ?? []
      let state: RecordState =
        if pending[client] != nil {
          .pending
        } else if present[client] != nil {
          .mirrored
        } else {
          departures[client] == nil ? .retained : .departing
        }
      return (client, record, state)
    }
  }

  /// The clients whose record, in the directory or in the store, has a line about `monName`: the name under which the
  /// lock manager knows a peer, where statd names the file by the peer's canonical name.
  public func clients(monName: [UInt8]) -> Set<ClientName> {
    var found: Set<ClientName> = []
    for (client, record) in stored where MonitorRecord.names(monName, in: record) { found.insert(client) }
    for (client, record) in present where MonitorRecord.names(monName, in: record) { found.insert(client) }
    return found
  }

  /// The directory or the store has a record under this name, or will have.
  public func knows(_ client: ClientName) -> Bool {
    present[client] != nil || stored[client] != nil || pending[client] != nil
  }

  /// Nothing is on its way: all of the directory is in the store.
  public var isSettled: Bool { hasScanned && pending.isEmpty && inFlight == nil }
}
