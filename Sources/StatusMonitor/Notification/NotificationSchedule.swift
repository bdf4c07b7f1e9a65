/// Who is told, when, over what, until when: the notifier's decisions, for any number of clients at once.
///
/// A client is told in two steps, as RFC 1833 and the NSM specification (X/Open XNFS, chapter 11) want it: its
/// rpcbind says at which port its status monitor listens, and there it hears `SM_NOTIFY` once under every name by
/// which it may know the server. Each call is repeated until it is answered: quickly while the grace period lasts,
/// within which a lock can be reclaimed, slowly after it. Clients who do not answer over UDP are also asked over TCP.
/// Whoever was never tried comes before whoever did not answer, and whoever took a lock lately before the others.
///
/// The shell sends what ``Directive/send(_:)`` says, hands every datagram that comes back to ``onReply(_:from:now:)``,
/// and calls ``onTick(now:)`` no later than ``wake``. `now` counts from the notification's start.
public struct NotificationSchedule: Sendable {
  /// What the shell does.
  public enum Directive: Equatable, Sendable {
    /// Send this datagram.
    case send(Datagram)
    /// Ask the resolver, then call ``onResolved(_:_:now:)`` or ``onUnresolved(_:_:now:)`` once.
    case resolve(client: Int, name: String)
    /// Talk to the client over TCP: rpcbind first, then say what is unsaid, given as indexes. Tell every answer, and
    /// the end once.
    case converse(client: Int, address: HostAddress, unsaid: [UInt8])
    /// The client has answered to everything. A conversation with it may end.
    case told(client: Int)
    /// All were told, or the limit has come. Nothing follows.
    case finish
  }

  /// A datagram; ``NotificationErrand/message(_:transactionID:)`` has its bytes.
  public struct Datagram: Equatable, Sendable {
    /// For whom.
    public var client: Int
    /// What.
    public var call: NotificationErrand.Call
    /// The call's number.
    public var transactionID: UInt32
    /// Where to.
    public var address: HostAddress
    /// Where to.
    public var port: UInt16
  }

  /// A client and how far it is.
  struct Contact: Sendable {
    var address: HostAddress?
    var otherAddresses: [HostAddress] = []
    /// The status monitor's UDP port; 0 while it is not known.
    var port: UInt16 = 0
    /// A bit for everything that was answered.
    var said: UInt32 = 0
    /// A bit for every call that was sent and not answered since.
    var asked: UInt64 = 0
    /// Of them, those that hold a place in the window.
    var inFlight: UInt64 = 0
    var attempts: UInt16 = 0
    /// Attempts since anything was heard; where only rpcbind is heard, since the status monitor was.
    var silence: UInt16 = 0
    /// Attempts at the status monitor since it was heard.
    var dumbness: UInt16 = 0
    /// Refusals one after the other.
    var refusals: UInt16 = 0
    var rpcbindVersion: UInt8 = 4
    /// Its place in the order.
    var rank: Int32 = 0
    /// The one turn that counts.
    var generation: UInt32 = 0
    var sentAt = Duration.zero
    /// Whether what was sent then had been sent before.
    var isRepeated = false
    var isResolving = false
    var conversation = Conversation.none
    /// A conversation was begun, and nothing came back.
    var isMute = false
    var firstAnswer: Duration?
    var told: Duration?
    var problem: NotificationProblem?
    /// It stands among the ``news``.
    var isNews = false
  }

  enum Conversation: UInt8, Sendable {
    case none
    /// It stands among the silent, or among those with hope.
    case awaited, preferred
    case open
  }

  /// What is said.
  public let errand: NotificationErrand
  /// How patiently.
  public let timings: NotificationTimings
  let clients: [NotificationClient]
  /// The clients in the order in which they are tried.
  let order: [Int32]
  private let salt: UInt32
  var contacts: [Contact]
  var pace = NotificationPace()
  var due = LeastFirst<NotificationTurn>()
  /// The places in the order of those who were never tried and have an address.
  var fresh: LeastFirst<Int32>
  /// Whose turn it is again.
  var retries = ClientQueue()
  /// Who waits for the resolver to have a place free.
  var unresolved = ClientQueue()
  /// Who waits for the resolver within its patience, and until when: the oldest first.
  var places: [(client: Int, until: Duration)] = []
  /// Questions to the resolver that it has not answered.
  var lookUps = 0
  /// Who waits for a conversation: those who have shown a sign of life, and the others.
  var hopeful = ClientQueue()
  var silent = ClientQueue()
  /// Who was silent over TCP, too.
  var mute = ClientQueue()
  var conversations = 0
  private(set) var toldCount = 0
  /// Who has answered to something since it was last asked for.
  private var news: [Int32] = []
  private var answeredCount = 0
  private var hasBegun = false
  /// Nothing follows.
  public private(set) var isFinished = false
  /// Datagrams that answered nothing that was asked.
  public internal(set) var strays = 0

  /// A notification of `clients`.
  ///
  /// - Parameter salt: makes transaction numbers differ from those of earlier runs and hard to guess; random.
  public init(
    _ errand: NotificationErrand, to clients: [NotificationClient], timings: NotificationTimings, salt: UInt32
  ) {
    self.errand = errand
    self.clients = clients
    self.timings = timings
    self.salt = salt
    contacts = clients.map { client in
      var contact = Contact()
      if case .address(let address) = client.destination { contact.address = address }
      for (index, name) in errand.names.enumerated() where client.answeredNames.contains(name) {
        contact.said |= 1 << UInt32(index)
      }
      // Whoever has answered to everything is in nobody's list; were he, he would have to be heard once more.
      if contact.said == errand.everything { contact.said = 0 }
      return contact
    }
    order = clients.indices.map { (clients[$0].wasToldBefore, clients[$0].recency, Int32($0)) }
      .sorted { one, other in
        if one.0 != other.0 { return !one.0 }
        return one.1 == other.1 ? one.2 < other.2 : one.1 > other.1
      }.map(\.2)
    var literals: [Int32] = []
    for (rank, client) in order.enumerated() {
      contacts[Int(client)].rank = Int32(rank)
      if contacts[Int(client)].address == nil {
        unresolved.add(Int(client))
      } else {
        literals.append(Int32(rank))
      }
    }
    fresh = LeastFirst(sorted: literals)
  }

  /// Call ``onTick(now:)`` no later than this, at once where it has passed; nil at the end.
  public var wake: Duration? {
    guard !isFinished else { return nil }
    guard hasBegun else { return .zero }
    return min(due.next?.moment ?? timings.limit, places.first?.until ?? timings.limit, timings.limit)
  }

  /// How far it is.
  public var progress: NotificationProgress {
    NotificationProgress(all: clients.count, told: toldCount, underWay: answeredCount - toldCount)
  }

  /// What became of the `client`th of the list.
  public func ledger(_ client: Int) -> NotificationLedger {
    let contact = contacts[client]
    let names = errand.names.indices.filter { contact.said & (1 << UInt32($0)) != 0 }.map { errand.names[$0] }
    // Its name may still wait behind others that the resolver does not answer.
    let problem = contact.problem ?? (contact.address == nil ? .resolverSilent : nil)
    return NotificationLedger(
      client: clients[client].name, address: contact.address, isTold: contact.told != nil, names: names,
      attempts: Int(contact.attempts), firstAnswer: contact.firstAnswer, told: contact.told,
      problem: contact.told == nil ? problem : nil)
  }

  /// Whether somebody has answered to something since ``takeNews()``.
  public var hasNews: Bool { !news.isEmpty }

  /// What became of those who have answered to something since it was last asked, the last answer among them.
  public mutating func takeNews() -> [NotificationLedger] {
    defer { news = [] }
    return news.map { client in
      contacts[Int(client)].isNews = false
      return ledger(Int(client))
    }
  }

  /// What became of everybody, in the order of the list.
  public var allLedgers: [NotificationLedger] { clients.indices.map { ledger($0) } }

  /// Begins, goes on with whoever waited long enough, and ends at the limit.
  public mutating func onTick(now: Duration) -> [Directive] {
    var directives: [Directive] = []
    guard !isFinished else { return directives }
    hasBegun = true
    if toldCount == clients.count || now >= timings.limit {
      isFinished = true
      directives.append(.finish)
      return directives
    }
    while let next = due.next, next.moment <= now, let turn = due.removeNext() {
      let client = Int(order[Int(turn.rank)])
      guard contacts[client].generation == turn.generation, contacts[client].told == nil else { continue }
      onDue(client, now: now)
    }
    endPlaces(now: now)
    fill(&directives, now: now)
    return directives
  }

  // MARK: Transaction numbers

  /// One number for every call to every client.
  func transactionID(_ client: Int, _ call: NotificationErrand.Call) -> UInt32 {
    salt ^ UInt32(truncatingIfNeeded: client * errand.callCount + call.number)
  }

  /// Whose call has this number; nil where nobody's has.
  func call(_ transactionID: UInt32) -> (client: Int, call: NotificationErrand.Call)? {
    let (client, number) = Int(transactionID ^ salt).quotientAndRemainder(dividingBy: errand.callCount)
    guard client < clients.count else { return nil }
    return (client, NotificationErrand.Call(number: number))
  }

  // MARK: Ends

  mutating func noteAnswer(_ client: Int, now: Duration) {
    contacts[client].silence = contacts[client].dumbness
    guard contacts[client].firstAnswer == nil else { return }
    contacts[client].firstAnswer = now
    answeredCount += 1
  }

  /// The client has answered to what `bit` stands for.
  mutating func onSaid(_ client: Int, bit: UInt32, now: Duration, _ directives: inout [Directive]) {
    contacts[client].said |= bit
    contacts[client].refusals = 0
    contacts[client].dumbness = 0
    contacts[client].silence = 0
    if !contacts[client].isNews {
      contacts[client].isNews = true
      news.append(Int32(client))
    }
    guard contacts[client].said == errand.everything, contacts[client].told == nil else { return }
    contacts[client].told = now
    contacts[client].generation &+= 1
    contacts[client].problem = nil
    forget(client)
    toldCount += 1
    directives.append(.told(client: client))
    if toldCount == clients.count {
      isFinished = true
      directives.append(.finish)
    }
  }
}
