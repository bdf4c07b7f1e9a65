/// Who was told what, when, over what and from where.
struct NotificationLedger {
  /// One (name, state) of one client.
  struct Entry: Equatable {
    let name: Int
    let state: Int32
    let firstAt: Int64
    var lastAt: Int64
    var overUDP: UInt32 = 0
    var overTCP: UInt32 = 0
    /// Where the first came from.
    let source: Int
    let sourcePort: UInt16
    fileprivate var next: Int = -1
  }

  /// An address that sent notifications.
  struct Source: Equatable {
    let address: [UInt8]
    var notifications = 0
    /// From ports below 1024.
    var privileged = 0
  }

  private struct Client {
    var firstEntry = -1
    /// Names of ``state`` that were heard, one bit each.
    var heard: UInt64 = 0
    var state: Int32 = 0
    var toldAt: Int64 = -1
  }

  /// How many names are told apart; later ones are counted as one.
  static let maximumNames = 64

  private(set) var names: [[UInt8]]
  private(set) var sources: [Source] = []
  private(set) var told = 0
  private(set) var notifications = 0
  private(set) var duplicates = 0
  private let wanted: UInt64
  private var clients: [Client]
  private var entries: [Entry] = []

  /// - Parameter wanted: the names by which a client must hear of the restart, under one state number, to count as
  ///   told; any one where empty. At most 63.
  init(clients: Int, wanted: [[UInt8]]) {
    names = wanted
    self.wanted = (1 << UInt64(wanted.count)) - 1
    self.clients = Array(repeating: Client(), count: clients)
    entries.reserveCapacity(clients * max(1, wanted.count))
  }

  /// Notes a notification that a client received and is about to answer.
  mutating func record(
    client: Int, name: UnsafeRawBufferPointer, state: Int32, overTCP: Bool, source: UnsafeRawBufferPointer,
    sourcePort: UInt16, now: Int64
  ) {
    notifications += 1
    let (name, source) = (number(ofName: name), number(ofSource: source))
    sources[source].notifications += 1
    if sourcePort < 1_024 { sources[source].privileged += 1 }
    let place = entry(of: client, name: name, state: state)
    if let place {
      duplicates += 1
      entries[place].lastAt = now
    } else {
      entries.append(
        Entry(
          name: name, state: state, firstAt: now, lastAt: now, source: source, sourcePort: sourcePort,
          next: clients[client].firstEntry))
      clients[client].firstEntry = entries.count - 1
    }
    let counted = place ?? entries.count - 1
    if overTCP { entries[counted].overTCP += 1 } else { entries[counted].overUDP += 1 }
    judge(client, name: name, state: state, now: now)
  }

  /// When the client had heard everything; nil where it hasn't.
  func toldAt(_ client: Int) -> Int64? { clients[client].toldAt < 0 ? nil : clients[client].toldAt }

  /// What the client heard, in order.
  func entries(of client: Int) -> [Entry] {
    var found: [Entry] = []
    var place = clients[client].firstEntry
    while place >= 0 {
      found.append(entries[place])
      place = entries[place].next
    }
    return found.reversed()
  }

  private mutating func judge(_ client: Int, name: Int, state: Int32, now: Int64) {
    guard clients[client].toldAt < 0 else { return }
    if clients[client].state != state {
      clients[client].state = state
      clients[client].heard = 0
    }
    clients[client].heard |= 1 << UInt64(name)
    if clients[client].heard & wanted == wanted {
      clients[client].toldAt = now
      told += 1
    }
  }

  private func entry(of client: Int, name: Int, state: Int32) -> Int? {
    var place = clients[client].firstEntry
    while place >= 0 {
      if entries[place].name == name && entries[place].state == state { return place }
      place = entries[place].next
    }
    return nil
  }

  private mutating func number(ofName name: UnsafeRawBufferPointer) -> Int {
    for known in names.indices where names[known].elementsEqual(name) { return known }
    guard names.count < Self.maximumNames - 1 else {
      if names.count < Self.maximumNames { names.append(Array("(further names)".utf8)) }
      return names.count - 1
    }
    names.append(Array(name))
    return names.count - 1
  }

  private mutating func number(ofSource address: UnsafeRawBufferPointer) -> Int {
    for known in sources.indices where sources[known].address.elementsEqual(address) { return known }
    sources.append(Source(address: Array(address)))
    return sources.count - 1
  }
}
