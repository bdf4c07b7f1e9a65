import CLinux
import Glibc
import StatusMonitor
import Synchronization

/// The notifier's thread: waits, hands what has come to the schedule, and does what it says.
struct NotifierLoop: ~Copyable {
  /// A socket and the address that it sends from.
  struct OpenSocket: Sendable {
    var number: Int32
    var source: HostAddress
  }

  /// Batches that are taken out of one socket before the others have their turn.
  private static let mostRounds = 128
  /// Whoever shows the progress hears of it this often, though nothing happens.
  private static let newsEvery = Duration.milliseconds(500)

  private let desk: NotifierDesk
  private let errand: NotificationErrand
  private let streamLimits: StreamConversation.Limits
  private let four: [FanoutSocket]
  private let six: [FanoutSocket]
  private let sources: [HostAddress]
  private let inbox = FanoutInbox()
  private var conversations: StreamConversations
  private var work: [NotificationSchedule.Directive] = []
  private var isPerforming = false
  private var isFinished = false
  private var hasNews = true

  /// Takes over the sockets and the epoll instance for conversations.
  static func run(_ desk: NotifierDesk, _ opened: [OpenSocket], watch: Int32) {
    var loop = NotifierLoop(desk, opened, watch: watch)
    loop.run()
  }

  private init(_ desk: NotifierDesk, _ opened: [OpenSocket], watch: Int32) {
    self.desk = desk
    let timings = desk.state.withLock { $0.schedule.timings }
    errand = desk.state.withLock { $0.schedule.errand }
    streamLimits = .init(connecting: timings.connectLimit, all: timings.streamLimit)
    conversations = StreamConversations(owning: watch)
    four = opened.filter { !$0.source.isIPv6 }.map { FanoutSocket(owning: $0.number) }
    six = opened.filter(\.source.isIPv6).map { FanoutSocket(owning: $0.number) }
    sources = opened.map(\.source)
  }

  private var sockets: [FanoutSocket] { four + six }

  private mutating func run() {
    let sockets = sockets
    var areBlocked = [Bool](repeating: false, count: sockets.count)
    tick()
    while !isFinished {
      announce()
      let waiting = sockets.indices.contains { sockets[$0].isWaiting && !areBlocked[$0] }
      let ready = wait(sockets, areBlocked, atOnce: waiting)
      for (index, socket) in sockets.enumerated() {
        // What came in goes out first.
        if ready[index] & Int16(POLLERR) != 0 { failures(of: socket) }
        if ready[index] & Int16(POLLIN) != 0 { receive(from: socket) }
        if areBlocked[index], ready[index] & Int16(POLLOUT) != 0 { areBlocked[index] = false }
        if !areBlocked[index], socket.isWaiting {
          areBlocked[index] = !send(from: socket, isIPv6: index >= four.count)
        }
      }
      converse(isReady: ready[sockets.count + 1] != 0)
      tick()
    }
    desk.change.yield()
    desk.change.finish()
  }

  private func announce() {
    // The newest is kept: whoever listens slowly is told once.
    if hasNews || desk.state.withLock({ $0.schedule.hasNews }) { desk.change.yield() }
  }

  /// Which sockets can go on, then whether the thread was woken, then whether a conversation can.
  private mutating func wait(_ sockets: [FanoutSocket], _ areBlocked: [Bool], atOnce: Bool) -> [Int16] {
    hasNews = false
    var polled = zip(sockets, areBlocked).map { socket, isBlocked in
      pollfd(fd: socket.number, events: Int16(isBlocked ? POLLIN | POLLOUT : POLLIN), revents: 0)
    }
    polled.append(pollfd(fd: desk.wake, events: Int16(POLLIN), revents: 0))
    polled.append(pollfd(fd: conversations.watch, events: Int16(POLLIN), revents: 0))
    var limit = Int32(0)
    if !atOnce {
      let moment = desk.state.withLock { $0.schedule.wake } ?? .zero
      let earliest = conversations.earliestDeadline.map { min($0, moment) } ?? moment
      let rest = earliest - desk.now
      limit = Int32(clamping: max(min(rest, Self.newsEvery).milliseconds + 1, 0))
      hasNews = rest > Self.newsEvery
    }
    guard poll(&polled, nfds_t(polled.count), limit) >= 0 else { return polled.map { _ in 0 } }
    if polled[sockets.count].revents != 0 {
      var count: UInt64 = 0
      _ = read(desk.wake, &count, MemoryLayout<UInt64>.size)
    }
    return polled.map(\.revents)
  }

  // MARK: Datagrams

  private mutating func receive(from socket: FanoutSocket) {
    let now = desk.now
    var count = 0
    var rounds = 0
    repeat {
      count = 0
      rounds += 1
      let directives = desk.state.withLock { state -> [NotificationSchedule.Directive] in
        var directives: [NotificationSchedule.Directive] = []
        var hasOverflowed = false
        count = socket.receiveBatch(into: inbox) { message, source in
          directives += state.schedule.onReply(message, from: source, now: now)
        } onOverflow: {
          hasOverflowed = true
        }
        if hasOverflowed { state.schedule.onOverflow() }
        return directives
      }
      perform(directives)
      // Whoever floods this socket must not keep it from sending.
    } while count == Int(LFN_BATCH) && rounds < Self.mostRounds
  }

  /// One batch; false where the kernel has no room.
  private mutating func send(from socket: FanoutSocket, isIPv6: Bool) -> Bool {
    socket.sendBatch { transactionID, error in
      let text = noRoomToSend(error, isIPv6: isIPv6) ?? systemErrorText(error)
      desk.state.withLock { $0.schedule.onUnreachable(transactionID, text) }
    }
  }

  private mutating func failures(of socket: FanoutSocket) {
    let now = desk.now
    let directives = desk.state.withLock { state -> [NotificationSchedule.Directive] in
      var directives: [NotificationSchedule.Directive] = []
      socket.failures { transactionID, error in
        if error == ECONNREFUSED {
          directives += state.schedule.onClosed(transactionID, now: now)
        } else {
          state.schedule.onUnreachable(transactionID, systemErrorText(error))
        }
      }
      return directives
    }
    perform(directives)
  }

  // MARK: Directives

  private mutating func tick() {
    let now = desk.now
    let (directives, isStopped) = desk.state.withLock {
      state -> ([NotificationSchedule.Directive], Bool) in
      var directives: [NotificationSchedule.Directive] = []
      let resolved = state.resolved
      state.resolved = []
      for (client, result) in resolved {
        switch result {
        case .success(let addresses):
          directives += state.schedule.onResolved(client, addresses, now: now)
        case .failure(let error): directives += state.schedule.onUnresolved(client, error.message, now: now)
        }
      }
      return (directives + state.schedule.onTick(now: now), state.isStopped)
    }
    perform(directives)
    if isStopped { isFinished = true }
  }

  /// Does what the schedule says, and what it says to what comes of that: one after the other, since a thousand
  /// conversations may fail at once and each of them lets the next begin.
  private mutating func perform(_ directives: [NotificationSchedule.Directive]) {
    work += directives
    guard !isPerforming else { return }
    isPerforming = true
    var next = 0
    while next < work.count {
      let directive = work[next]
      next += 1
      switch directive {
      case .send(let datagram): queue(datagram)
      case .resolve(let client, let name): resolve(client, name)
      case .converse(let client, let address, let unsaid):
        let events = conversations.begin(
          StreamConversation(
            client: client, errand: errand, to: address,
            from: sources.first { $0.isIPv6 == address.isIPv6 } ?? .any(isIPv6: address.isIPv6),
            unsaid: unsaid, limits: streamLimits, now: desk.now))
        handle(events, of: client)
      case .told(let client):
        if conversations.end(client) { handle([.ended(nil)], of: client) }
      case .finish: isFinished = true
      }
    }
    work.removeAll(keepingCapacity: true)
    isPerforming = false
  }

  private func queue(_ datagram: NotificationSchedule.Datagram) {
    let family = datagram.address.isIPv6 ? six : four
    guard !family.isEmpty else {
      desk.state.withLock {
        $0.schedule.onUnreachable(
          datagram.transactionID, "this machine has no \(datagram.address.isIPv6 ? "IPv6" : "IPv4")")
      }
      return
    }
    family[datagram.client % family.count].queue(
      errand.message(datagram.call, transactionID: datagram.transactionID),
      transactionID: datagram.transactionID, to: datagram.address, port: datagram.port)
  }

  /// Asks the resolver on a thread of its own: it takes as long as it likes.
  private func resolve(_ client: Int, _ name: String) {
    let desk = desk
    let job = Job {
      let result: Result<[HostAddress], RPCError>
      do throws(RPCError) {
        var addresses: [HostAddress] = []
        for address in try SocketAddress.resolve(host: name).compactMap(\.host)
        where !addresses.contains(address) {
          addresses.append(address)
        }
        result = .success(addresses)
      } catch {
        result = .failure(error)
      }
      desk.state.withLock { $0.resolved.append((client, result)) }
      lfh_signal_event(desk.wake)
    }
    guard !job.start() else { return }
    let error = RPCError(.failed, "the system has no thread left to resolve \(name)")
    desk.state.withLock { $0.resolved.append((client, .failure(error))) }
    lfh_signal_event(desk.wake)
  }

  // MARK: Conversations

  private mutating func converse(isReady: Bool) {
    let now = desk.now
    if isReady {
      for (client, events) in conversations.goOn(now: now) { handle(events, of: client) }
    }
    if let earliest = conversations.earliestDeadline, earliest <= now {
      for client in conversations.endOverdue(now: now) { handle([.ended(.silent)], of: client) }
    }
  }

  private mutating func handle(_ events: [StreamConversation.Event], of client: Int) {
    let now = desk.now
    for event in events {
      let directives = desk.state.withLock { state in
        switch event {
        case .said(let index): state.schedule.onConversed(client, index: index, now: now)
        case .ended(let problem): state.schedule.onConversationEnded(client, problem, now: now)
        }
      }
      perform(directives)
    }
  }
}

extension Duration {
  fileprivate var milliseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
  }
}
