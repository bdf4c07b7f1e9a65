/// Which names are to be resolved, which are being resolved, and the notifications that may have to do with them.
///
/// Names of monitored hosts and names in notifications have half of the lookups each: strangers who send names that
/// resolve slowly delay other strangers only.
struct NameLookups: Sendable {
  /// Monitored names are looked up this often.
  static let refreshInterval = Duration.seconds(600)
  /// A notification that nobody can place has them looked up earlier, but no more often than this.
  static let refreshPause = Duration.seconds(60)
  /// For this long a notification is held against addresses that come to light.
  static let memory = Duration.seconds(60)
  private static let rememberedNotices = 64

  /// A notification that was answered already.
  struct Notice: Sendable {
    let peer: PeerKey
    /// For the operator.
    let shown: String
    let state: Int32
    let source: HostAddress
    let at: Duration
    var addresses: Set<HostAddress> = []
    var isPlaced: Bool
  }

  enum Purpose: Sendable {
    case monitored(PeerKey)
    case notice(UInt64)
  }

  private let limits: MonitoringLimits
  private var last: UInt64 = 0
  private var running: [UInt64: Purpose] = [:]
  private var monitored: [PeerKey] = []
  private var isWanted: Set<PeerKey> = []
  private var waitingNotices: [(notice: UInt64, name: String)] = []
  private var lastRefresh: Duration?
  private(set) var notices: [UInt64: Notice] = [:]
  private var order: [UInt64] = []

  init(limits: MonitoringLimits) { self.limits = limits }

  mutating func want(_ peers: some Sequence<PeerKey>) {
    for peer in peers where isWanted.insert(peer).inserted { monitored.append(peer) }
  }

  /// After a notification that nobody could place.
  mutating func refresh(_ peers: Set<PeerKey>, now: Duration) {
    if let lastRefresh, now - lastRefresh < NameLookups.refreshPause { return }
    lastRefresh = now
    want(peers)
  }

  /// Holds a notification against what is resolved later, and has its own name looked up where it has one.
  mutating func remember(_ notice: Notice, lookUp name: String?) {
    last += 1
    notices[last] = notice
    order.append(last)
    if order.count > NameLookups.rememberedNotices + limits.waitingLookups {
      notices[order.removeFirst()] = nil
    }
    guard let name, waitingNotices.count < limits.waitingLookups else { return }
    waitingNotices.append((last, name))
  }

  /// The next lookups to begin.
  mutating func next() -> [(lookup: UInt64, name: String)] {
    var begun: [(lookup: UInt64, name: String)] = []
    let share = max(limits.lookupsAtOnce / 2, 1)
    func running(_ isOne: (Purpose) -> Bool) -> Int { self.running.values.count(where: isOne) }
    var free = share - running { if case .notice = $0 { true } else { false } }
    while free > 0, !waitingNotices.isEmpty {
      let (notice, name) = waitingNotices.removeFirst()
      guard notices[notice] != nil else { continue }
      begun.append((begin(.notice(notice)), name))
      free -= 1
    }
    free = share - running { if case .monitored = $0 { true } else { false } }
    while free > 0, let peer = monitored.popLast() {
      isWanted.remove(peer)
      guard case .name(let name) = peer else { continue }
      begun.append((begin(.monitored(peer)), String(decoding: name, as: UTF8.self)))
      free -= 1
    }
    return begun
  }

  private mutating func begin(_ purpose: Purpose) -> UInt64 {
    last += 1
    running[last] = purpose
    return last
  }

  mutating func end(_ lookup: UInt64) -> Purpose? { running.removeValue(forKey: lookup) }

  mutating func setAddresses(_ addresses: Set<HostAddress>, of notice: UInt64) -> Notice? {
    notices[notice]?.addresses = addresses
    return notices[notice]
  }

  mutating func setPlaced(_ notice: UInt64) { notices[notice]?.isPlaced = true }

  /// Notifications between these times that came from one of the addresses or whose name has one of them.
  func notices(
    about addresses: Set<HostAddress>, since: Duration, now: Duration
  ) -> [Notice] {
    order.compactMap { notices[$0] }.filter {
      $0.at >= since && now - $0.at <= NameLookups.memory
        && (addresses.contains($0.source) || !addresses.isDisjoint(with: $0.addresses))
    }
  }
}
