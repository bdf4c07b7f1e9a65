/// Everything that is monitored, found by name and by address at a cost that doesn't depend on how much it is.
///
/// rpc.statd compares a notification with every monitored host in turn, and asks the resolver for both names of
/// each pair (`statd_matchhostname`).
struct MonitoredHosts: Sendable {
  /// Names one monitoring as long as it lasts.
  typealias ID = UInt64

  /// One line of a record: a peer, and who is to be called when it restarts.
  struct Monitoring: Sendable {
    var line: MonitorLine
    let client: ClientName
    let peer: PeerKey
    /// When it was asked for: what happened before is no news to whoever asked.
    let since: Duration
    /// The peer's state as last heard of; 0 where it wasn't, as in rpc.statd.
    var peerState: Int32 = 0
    var presence: Presence
    /// The shared store was asked for this line, in this status monitor's life, and has it.
    var isMirrored = false
  }

  /// What is known of the line on the disk.
  enum Presence: Sendable, Equatable {
    case kept
    case pending(ticket: UInt64)
    /// A write failed or took too long: it may be there or not.
    case unsure
  }

  private struct Identity: Hashable {
    let peer: PeerKey
    let myName: [UInt8]
    let program: UInt32
    let version: UInt32
    let procedure: UInt32

    init(_ identity: MonitorIdentity) {
      peer = PeerKey(identity.monName)
      myName = folded(identity.target.myName)
      program = identity.target.program
      version = identity.target.version
      procedure = identity.target.procedure
    }
  }

  private struct Host {
    var monitorings: Set<ID> = []
    var lines: Int { monitorings.count }
  }

  private var nextID: ID = 1
  private var monitorings: [ID: Monitoring] = [:]
  private var byIdentity: [Identity: ID] = [:]
  private var byPeer: [PeerKey: Set<ID>] = [:]
  private var byClient: [ClientName: Host] = [:]
  /// What the names resolved to.
  private var addresses: [PeerKey: Set<HostAddress>] = [:]
  /// The monitored peers that are no addresses.
  private(set) var names: Set<PeerKey> = []

  var hosts: Int { byClient.count }
  var count: Int { monitorings.count }
  var isEmpty: Bool { monitorings.isEmpty }
  var clients: some Collection<ClientName> { byClient.keys }

  subscript(id: ID) -> Monitoring? { monitorings[id] }

  func lines(of client: ClientName) -> Int { byClient[client]?.lines ?? 0 }

  func id(of identity: MonitorIdentity) -> ID? { byIdentity[Identity(identity)] }

  func ids(of peer: PeerKey) -> Set<ID> { byPeer[peer] ?? [] }

  /// The record that the peer has already, under whatever name statd gave it.
  func client(of peer: PeerKey) -> ClientName? {
    byPeer[peer]?.lazy.compactMap { id in monitorings[id].flatMap { $0.peer == peer ? $0.client : nil } }
      .min()
  }

  /// Everything that this target asked for.
  func ids(of target: CallbackTarget) -> [ID] {
    let myName = folded(target.myName)
    return monitorings.compactMap { id, monitoring in
      let own = monitoring.line.identity.target
      return own.program == target.program && own.version == target.version
        && own.procedure == target.procedure && folded(own.myName) == myName ? id : nil
    }
  }

  @discardableResult
  mutating func insert(
    _ line: MonitorLine, client: ClientName, presence: Presence, now: Duration
  ) -> ID {
    let identity = Identity(line.identity)
    if let known = byIdentity[identity] { remove(known) }
    let id = nextID
    nextID += 1
    monitorings[id] = Monitoring(
      line: line, client: client, peer: identity.peer, since: now, presence: presence)
    byIdentity[identity] = id
    byClient[client, default: Host()].monitorings.insert(id)
    if case .name = identity.peer { names.insert(identity.peer) }
    for key in keys(of: id) { byPeer[key, default: []].insert(id) }
    return id
  }

  mutating func remove(_ id: ID) {
    guard let monitoring = monitorings[id] else { return }
    for key in keys(of: id) {
      byPeer[key]?.remove(id)
      if byPeer[key]?.isEmpty == true { byPeer[key] = nil }
    }
    monitorings[id] = nil
    byIdentity[Identity(monitoring.line.identity)] = nil
    byClient[monitoring.client]?.monitorings.remove(id)
    if byClient[monitoring.client]?.lines == 0 { byClient[monitoring.client] = nil }
    if byPeer[monitoring.peer] == nil {
      addresses[monitoring.peer] = nil
      names.remove(monitoring.peer)
    }
  }

  /// The line with its new cookie.
  mutating func replace(_ id: ID, with line: MonitorLine) {
    monitorings[id]?.line = line
    monitorings[id]?.isMirrored = false
  }

  mutating func setMirrored(_ id: ID) { monitorings[id]?.isMirrored = true }

  mutating func setPresence(_ id: ID, _ presence: Presence) { monitorings[id]?.presence = presence }

  mutating func setPeerState(_ id: ID, _ state: Int32) { monitorings[id]?.peerState = state }

  /// What a monitored name resolves to from now on. Returns who is monitored under that name.
  mutating func setAddresses(_ found: Set<HostAddress>, of peer: PeerKey) -> Set<ID> {
    let ids = ids(of: peer).filter { monitorings[$0]?.peer == peer }
    guard !ids.isEmpty else { return [] }
    for address in addresses[peer] ?? [] {
      byPeer[.address(address)]?.subtract(ids)
      if byPeer[.address(address)]?.isEmpty == true { byPeer[.address(address)] = nil }
    }
    addresses[peer] = found
    for address in found { byPeer[.address(address), default: []].formUnion(ids) }
    return ids
  }

  /// By what it is found: `mon_name`, the record's name, and what `mon_name` resolved to.
  private func keys(of id: ID) -> Set<PeerKey> {
    guard let monitoring = monitorings[id] else { return [] }
    return Set([monitoring.peer, PeerKey(Array(monitoring.client.text.utf8))])
      .union((addresses[monitoring.peer] ?? []).map { .address($0) })
  }
}
