import ONCRPC
import Testing

@testable import StatusMonitor

/// A schedule, the shell around it, a network, a resolver and clients, played from one seed. Moments are
/// microseconds.
struct SimulatedNetwork {
  struct Faults {
    /// Of every datagram, in each direction.
    var loss = 0.0
    var duplicates = 0.0
    /// One way; a wide range reorders.
    var delay = 100...200
    /// What the narrowest link carries in each direction.
    var datagramsPerSecond = 10_000_000
    /// What waits before it; more is lost.
    var queue = 500
  }

  enum Resolver {
    case knows(after: Int)
    /// Not known at first, then known: so many refusals.
    case learns(refusals: Int)
    /// Answers after a long time only, and then that it does not know.
    case hangs
    case never
  }

  struct Happening {
    enum What {
      case arrives(NotificationSchedule.Datagram)
      case reply([UInt8], HostAddress)
      case closed(UInt32)
      case resolved(Int)
      case unresolved(Int)
      case conversed(Int, UInt8)
      case conversationEnded(Int, NotificationProblem?)
    }

    var moment: Int
    var number: Int
    var what: What
  }

  var schedule: NotificationSchedule
  var hosts: [SimulatedHost]
  var resolvers: [Resolver]
  var faults: Faults
  var random: SplitMix
  var now = 0
  /// When the narrowest link is free, in each direction.
  private var free = (out: 0, back: 0)
  private var heap: [Happening] = []
  private var count = 0

  /// When each was told.
  var told: [Int?]
  var ticks = 0
  var ticksAtOnce = 0
  var happenings = 0
  var openConversations = 0
  var openResolutions = 0
  var mostOpenConversations = 0
  var mostWaiting = 0
  var isFinished = false
  /// What must never be.
  var wrongs: [String] = []

  init(
    _ schedule: NotificationSchedule, hosts: [SimulatedHost], resolvers: [Resolver], faults: Faults,
    seed: UInt64
  ) {
    self.schedule = schedule
    self.hosts = hosts
    self.resolvers = resolvers
    self.faults = faults
    random = SplitMix(seed: seed)
    told = hosts.map { _ in nil }
  }

  /// Plays until the schedule ends, and on until the last late answer has come.
  mutating func play() {
    while wrongs.isEmpty {
      // A tick before its moment would be for nothing.
      let wake = schedule.wake.map { Int(($0 / .microseconds(1)).rounded(.up)) }
      if let wake, heap.first.map({ wake <= $0.moment }) ?? true {
        ticksAtOnce = wake > now ? 0 : ticksAtOnce + 1
        if ticksAtOnce > 3 { wrongs.append("wakes again and again at \(now)") }
        now = max(now, wake)
        ticks += 1
        obey(schedule.onTick(now: .microseconds(now)))
      } else if let happening = takeNext() {
        now = happening.moment
        happenings += 1
        ticksAtOnce = 0
        happens(happening.what)
      } else {
        break
      }
      if happenings.isMultiple(of: 4_096) { checkBooks() }
    }
    checkBooks()
  }

  private mutating func happens(_ what: Happening.What) {
    let moment = Duration.microseconds(now)
    switch what {
    case .arrives(let datagram): respond(datagram)
    case .reply(let message, let source): obey(schedule.onReply(message, from: source, now: moment))
    case .closed(let number): obey(schedule.onClosed(number, now: moment))
    case .resolved(let client):
      openResolutions -= 1
      obey(schedule.onResolved(client, hosts[client].addresses, now: moment))
    case .unresolved(let client):
      openResolutions -= 1
      obey(schedule.onUnresolved(client, "no such name", now: moment))
    case .conversed(let client, let index):
      hosts[client].heard[Int(index)] += 1
      obey(schedule.onConversed(client, index: index, now: moment))
    case .conversationEnded(let client, let problem):
      openConversations -= 1
      obey(schedule.onConversationEnded(client, problem, now: moment))
    }
  }

  private mutating func obey(_ directives: [NotificationSchedule.Directive]) {
    if isFinished, !directives.isEmpty { wrongs.append("after the end: \(directives)") }
    for directive in directives {
      switch directive {
      case .send(let datagram):
        hosts[datagram.client].datagrams += 1
        travel(.arrives(datagram))
      case .resolve(let client, name: _): resolve(client)
      case .converse(let client, address: _, let unsaid): converse(client, unsaid)
      case .told(let client):
        if told[client] != nil { wrongs.append("\(client) was told twice") }
        if hosts[client].heard.contains(0) { wrongs.append("\(client) counts as told and was not") }
        told[client] = now
      case .finish: isFinished = true
      }
    }
    if openConversations > schedule.timings.mostStreams { wrongs.append("too many conversations") }
    if openResolutions > schedule.timings.mostLookUps
      || schedule.places.count > schedule.timings.mostResolving
    {
      wrongs.append("too many names at the resolver")
    }
    mostOpenConversations = max(mostOpenConversations, openConversations)
  }

  // MARK: The network

  private mutating func travel(_ what: Happening.What, after wait: Int = 0) {
    let isOut = if case .arrives = what { true } else { false }
    // What finds the queue full is lost.
    let queued = max((isOut ? free.out : free.back) - now, 0)
    if queued > faults.queue * 1_000_000 / faults.datagramsPerSecond { return }
    let next = now + queued + 1_000_000 / faults.datagramsPerSecond
    if isOut { free.out = next } else { free.back = next }
    if Double.random(in: 0..<1, using: &random) < faults.loss { return }
    let copies = Double.random(in: 0..<1, using: &random) < faults.duplicates ? 2 : 1
    for _ in 0..<copies { add(what, at: now + queued + wait + Int.random(in: faults.delay, using: &random)) }
  }

  private mutating func respond(_ datagram: NotificationSchedule.Datagram) {
    let thinks = datagram.call.isLookUp ? 0 : hosts[datagram.client].thinks
    func reply(_ outcome: RPCReply.Outcome) -> Happening.What {
      .reply(RPCReply(transactionID: datagram.transactionID, outcome).message, datagram.address)
    }
    switch hosts[datagram.client].hears(datagram, now: now) {
    case .nothing: break
    case .closed: travel(.closed(datagram.transactionID))
    case .port(let port):
      do {
        travel(reply(.success(try portResults(datagram.call, port: port))))
      } catch {
        wrongs.append("\(error)")
      }
    case .mismatch: travel(reply(.programMismatch(low: 2, high: 2)))
    case .done: travel(reply(.success([])), after: thinks)
    }
  }

  private mutating func resolve(_ client: Int) {
    openResolutions += 1
    switch resolvers[client] {
    case .knows(let wait): add(.resolved(client), at: now + wait)
    case .learns(let refusals):
      resolvers[client] = refusals > 1 ? .learns(refusals: refusals - 1) : .knows(after: 1_000)
      add(.unresolved(client), at: now + 20_000)
    case .hangs: add(.unresolved(client), at: now + 20_000_000)
    case .never: break
    }
  }

  private mutating func converse(_ client: Int, _ unsaid: [UInt8]) {
    openConversations += 1
    let host = hosts[client]
    // A host that is not there never answers the SYN.
    let timings = schedule.timings
    let limit = Int((host.isUp(now) ? timings.streamLimit : timings.connectLimit) / .microseconds(1))
    var moment = now + 6 * faults.delay.upperBound
    switch host.stream {
    case .works where host.isUp(now) && host.registeredSince <= now:
      for index in unsaid {
        moment += host.thinks
        add(.conversed(client, index), at: moment)
      }
      add(.conversationEnded(client, nil), at: moment)
    case .works where host.isUp(now): add(.conversationEnded(client, .notRegistered), at: moment)
    case .refused where host.isUp(now): add(.conversationEnded(client, .closed(rpcbind: true)), at: moment)
    default: add(.conversationEnded(client, .silent), at: now + limit)
    }
  }

  // MARK: What comes next

  private mutating func add(_ what: Happening.What, at moment: Int) {
    count += 1
    heap.append(Happening(moment: moment, number: count, what: what))
    var child = heap.count - 1
    while child > 0, heap[child] < heap[(child - 1) / 2] {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func takeNext() -> Happening? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child] < heap[least] {
        least = child
      }
      if least == parent { return first }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  // MARK: What is always true

  private mutating func checkBooks() {
    let inFlight = schedule.contacts.reduce(0) { $0 + $1.inFlight.nonzeroBitCount }
    if schedule.pace.outstanding != inFlight {
      wrongs.append("the window holds \(schedule.pace.outstanding), in flight are \(inFlight)")
    }
    if schedule.conversations != openConversations {
      wrongs.append("\(schedule.conversations) conversations are counted, \(openConversations) are open")
    }
    if schedule.lookUps != openResolutions {
      wrongs.append("\(schedule.lookUps) names are counted at the resolver, \(openResolutions) are there")
    }
    mostWaiting = max(mostWaiting, schedule.due.count)
  }
}

extension SimulatedNetwork.Happening: Comparable {
  static func < (left: Self, right: Self) -> Bool {
    (left.moment, left.number) < (right.moment, right.number)
  }
  static func == (left: Self, right: Self) -> Bool { left.number == right.number }
}
