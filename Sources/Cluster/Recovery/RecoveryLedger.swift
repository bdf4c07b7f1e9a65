public import StatusMonitor

/// What becomes of each client of a service that moved, from the moment before it is told until nobody can reclaim any
/// more.
///
/// A server can see one thing of a client that reclaims: with its first lock the lock manager has the status monitor watch
/// it again (SM_MON, NSM specification of X/Open XNFS chapter 11), and its record is written anew. A client that held no
/// lock any more is never seen again, and its record may well have outlived its locks: so who does not come back may have
/// lost something, and no more than that is known, unless an exact inventory says that every lock is back.
public struct RecoveryLedger: Sendable {
  /// What the lock manager says of its grace period.
  public enum Grace: Sendable, Equatable {
    /// It runs: reclaims are taken.
    case running
    /// None runs: reclaims are refused.
    case over
    /// Whoever serves does not say.
    case unseen
  }

  /// Why nothing more will be learnt.
  public enum End: String, Sendable, Codable {
    /// Every client is registered again.
    case everybodyIsBack = "everybody_is_back"
    /// The grace period ran and is over.
    case graceOver = "grace_over"
    /// None ran when the clients were told.
    case noGrace = "no_grace"
    /// Nobody could see a grace period, and its length as configured has passed.
    case timeIsUp = "time_is_up"
  }

  /// What is known of one client.
  public enum Verdict: Sendable, Equatable {
    /// The grace period goes on.
    case pending
    /// Its record was written again while locks could be reclaimed.
    case registered
    /// It did not come back, and lost nothing all the same: every lock that anybody held is back.
    case heldNothing
    /// It restarted itself meanwhile: a client's restart ends its locks.
    case restarted
    /// It was told and did not come back: if it still held a lock, that is lost.
    case silent
    /// It came back while nobody watched, perhaps too late.
    case unwatched
    /// It was not told in time: what it held is lost.
    case untold
    /// No grace period ran when it was told: what it tried to reclaim was refused.
    case refused
  }

  /// Of the locks of an exact inventory, how many are back.
  public struct Locks: Sendable, Equatable {
    /// Back so far.
    public var back: Int
    /// Held when the former owner released the service.
    public var held: Int
    /// Nobody looks any more.
    public var isFinal: Bool

    /// A count.
    public init(back: Int, held: Int, isFinal: Bool) {
      self.back = back
      self.held = held
      self.isFinal = isFinal
    }
  }

  /// What to do after a look at the grace period.
  public enum Directive: Sendable, Equatable {
    /// Look again.
    case goOn
    /// Read the directory for the last time, then ``close(_:told:restarted:)``.
    case close(End)
  }

  /// After the end of the grace period so long for whoever counts the locks to say his last word.
  static let patience = Duration.seconds(2)

  /// What the directory held of each client before anybody was told; none where it held nothing.
  public let before: [ClientName: [UInt8]]
  /// Who is to be told.
  public let clients: Set<ClientName>
  /// By when an unseen grace period is over.
  public let graceEnds: BootInstant
  /// The peers of their records, as the lock manager knows them: another status monitor may name the file otherwise.
  private let peers: [[UInt8]: Set<ClientName>]
  /// Who is back, and since when.
  public private(set) var registered: [ClientName: BootInstant]
  /// Who was back when nobody watched.
  public private(set) var unwatched: Set<ClientName> = []
  /// A grace period has been seen.
  public private(set) var sawGrace: Bool
  /// Nil where there is no inventory, or nobody counts.
  public private(set) var locks: Locks?
  /// Nil while it goes on.
  public private(set) var end: End?
  /// Of those who are not back, once it has ended.
  private var verdicts: [ClientName: Verdict] = [:]
  /// Once it has ended: asked for again and again.
  private var lastCounts: [Verdict: Int] = [:]
  private var overSince: BootInstant?

  /// A ledger that begins, or goes on where another daemon of this boot has left it.
  ///
  /// - Parameters:
  ///   - records: of those who are to be told, as the store has them.
  ///   - present: the status directory's, before anybody is told.
  ///   - registered: who was seen to be back before.
  public init(
    records: [ClientName: [UInt8]], present: [ClientName: [UInt8]], graceEnds: BootInstant,
    registered: [ClientName: BootInstant] = [:], sawGrace: Bool = false
  ) {
    clients = Set(records.keys)
    before = present
    self.graceEnds = graceEnds
    self.registered = registered.filter { records[$0.key] != nil }
    self.sawGrace = sawGrace
    var peers: [[UInt8]: Set<ClientName>] = [:]
    for (client, record) in records {
      for line in MonitorRecord(parsing: record).monitorLines {
        peers[line.monNameBytes, default: []].insert(client)
      }
    }
    self.peers = peers
  }

  // MARK: - Events

  /// A record was seen in the status directory.
  ///
  /// - Parameters:
  ///   - isNew: it was written since anybody was told, whatever it says: it had been removed, or the status
  ///     monitor's callout has told of it. Else a line that was not there before makes it new.
  ///   - isRewritten: rpc.statd has written it since anybody was told. It takes a line out for SM_UNMON and, where the line
  ///     is there already, out and in again for SM_MON: a record that says the same as before is new by that.
  /// - Returns: who is back by that.
  public mutating func onRecord(
    _ name: ClientName, _ record: [UInt8], isNew: Bool, isRewritten: Bool = false, now: BootInstant
  ) -> Set<ClientName> {
    guard end == nil else { return [] }
    let found = returned(name, record, isNew: isNew || isRewritten && record == before[name])
    for client in found { registered[client] = now }
    return found
  }

  /// The same, seen by a daemon that was away when the grace period ended.
  public mutating func onLateRecord(_ name: ClientName, _ record: [UInt8]) {
    guard end == nil else { return }
    unwatched.formUnion(returned(name, record, isNew: false))
  }

  private func returned(_ name: ClientName, _ record: [UInt8], isNew: Bool) -> Set<ClientName> {
    let old = before[name]
    guard !record.isEmpty, isNew || record != old else { return [] }
    var lines = MonitorRecord(parsing: record).lines
    if !isNew, let old {
      // Lines are counted: NFS-Ganesha's look the same each time.
      var known: [[UInt8]: Int] = [:]
      for line in MonitorRecord(parsing: old).lines { known[line.text, default: 0] += 1 }
      lines = lines.filter { line in
        guard let count = known[line.text], count > 0 else { return true }
        known[line.text] = count - 1
        return false
      }
    }
    guard !lines.isEmpty else { return [] }
    var found: Set<ClientName> = clients.contains(name) ? [name] : []
    for case .monitor(let line) in lines { found.formUnion(peers[line.monNameBytes] ?? []) }
    return found.filter { registered[$0] == nil }
  }

  /// Whoever counts the locks has looked; nil: he counts no more, and what he saw does not matter.
  public mutating func onLocks(_ locks: Locks?) {
    if end == nil { self.locks = locks }
  }

  /// A look at the grace period, the first of them before anybody is told.
  public mutating func onGrace(_ grace: Grace, now: BootInstant) -> Directive {
    if let end { return .close(end) }
    if registered.count == clients.count, locks?.isFinal ?? true { return .close(.everybodyIsBack) }
    switch grace {
    case .running:
      sawGrace = true
      overSince = nil
      return .goOn
    case .over:
      guard sawGrace else { return .close(.noGrace) }
      let since = overSince ?? now
      overSince = since
      let isCounted = locks?.isFinal ?? true
      return isCounted || now - since >= Self.patience ? .close(.graceOver) : .goOn
    case .unseen:
      return now >= graceEnds ? .close(sawGrace ? .graceOver : .timeIsUp) : .goOn
    }
  }

  /// Nothing more will be learnt: the verdicts stand.
  ///
  /// - Parameters:
  ///   - told: who has answered the notification.
  ///   - restarted: who has said meanwhile that he restarted himself.
  public mutating func close(_ end: End, told: Set<ClientName>, restarted: Set<ClientName>) {
    guard self.end == nil else { return }
    self.end = end
    let isEveryLockBack = locks.map { $0.back >= $0.held } ?? false
    for client in clients where registered[client] == nil || end == .noGrace {
      verdicts[client] =
        if restarted.contains(client) {
          .restarted
        } else if isEveryLockBack {
          .heldNothing
        } else if end == .noGrace, told.contains(client) || registered[client] != nil {
          .refused
        } else if unwatched.contains(client) {
          .unwatched
        } else {
          told.contains(client) ? .silent : .untold
        }
    }
    for client in clients { lastCounts[verdict(client), default: 0] += 1 }
  }

  // MARK: - Answers

  /// What is known of a client.
  public func verdict(_ client: ClientName) -> Verdict {
    if let verdict = verdicts[client] { return verdict }
    return registered[client] == nil ? .pending : .registered
  }

  /// How many there are of each; those that are none are left out.
  public var counts: [Verdict: Int] {
    guard end == nil else { return lastCounts }
    return [.registered: registered.count, .pending: clients.count - registered.count].filter { $0.value > 0 }
  }
}

extension RecoveryLedger.Verdict: Hashable {}
