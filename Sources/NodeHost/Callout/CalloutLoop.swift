import CalloutProtocol
import Glibc
import StatusMonitor
import Synchronization

/// The body of the callout listener's thread.
struct CalloutLoop {
  /// How often the owner of `sm/` is looked at.
  private static let comparePeriod = Duration.seconds(5)
  /// How often listening is tried again.
  private static let retryPeriod = Duration.seconds(1)
  /// Between two attempts to take a connection that can't be taken.
  private static let rest = Duration.milliseconds(100)
  /// A peer that has not sent its request by then is hung up on; a callout sends it at once.
  private static let patience = Duration.seconds(5)

  /// What the thread shares with the others.
  final class Channel: Sendable {
    let folder: CalloutFolder
    let settings: CalloutSettings
    let directory: StatusDirectory
    let question: AsyncStream<CalloutListener.Question>.Continuation
    let spool: AsyncStream<Void>.Continuation
    let onEvent: @Sendable (CalloutListener.Event) -> Void
    let signal: ThreadSignal
    let outbox = Mutex<[(UInt64, CalloutReply)]>([])
    let isStopping = Mutex(false)

    init(
      folder: CalloutFolder, settings: CalloutSettings, directory: StatusDirectory,
      question: AsyncStream<CalloutListener.Question>.Continuation, spool: AsyncStream<Void>.Continuation,
      onEvent: @escaping @Sendable (CalloutListener.Event) -> Void, signal: ThreadSignal
    ) {
      self.folder = folder
      self.settings = settings
      self.directory = directory
      self.question = question
      self.spool = spool
      self.onEvent = onEvent
      self.signal = signal
    }
  }

  private struct Peer {
    var descriptor: Int32
    var received: [UInt8] = []
    var deadline: Duration
    /// Its question waits for an answer.
    var isAsking = false
  }

  private let channel: Channel
  private var listening: Int32 = -1
  private var owner: FileOwner?
  private var inotify: Int32 = -1
  /// Those that went away while their questions were open keep their place with descriptor -1, so that the number of
  /// open questions stays bounded.
  private var peers: [UInt64: Peer] = [:]
  private var lastNumber: UInt64 = 0
  /// No further file could be opened: the queue is left alone until then.
  private var restUntil = Duration.zero
  private var lastProblem: String?

  init(_ channel: Channel) {
    self.channel = channel
  }

  mutating func run() {
    var compareAt = BootClock.now
    while !channel.isStopping.withLock({ $0 }) {
      if BootClock.now >= compareAt {
        compare()
        compareAt = BootClock.now + (listening >= 0 ? Self.comparePeriod : Self.retryPeriod)
      }
      wait(until: compareAt)
    }
    channel.question.finish()
    channel.spool.finish()
    for peer in peers.values where peer.descriptor >= 0 { close(peer.descriptor) }
    stopListening()
  }

  // MARK: - The socket

  /// Listens for the user that `sm/` belongs to now.
  private mutating func compare() {
    do throws(NodeHostError) {
      let found = FileOwner(try channel.directory.open(.records).status())
      guard found != owner || listening < 0 else { return }
      stopListening()
      let descriptor = try channel.folder.open(for: found, settings: channel.settings)
      // Kept open beyond the value's life: it is this loop's from here on.
      listening = dup(descriptor.number)
      _ = fcntl(listening, F_SETFD, FD_CLOEXEC)
      owner = found
      lastProblem = nil
      watchSpool()
      channel.onEvent(.listening(user: found.user))
      channel.spool.yield()
    } catch {
      stopListening()
      if lastProblem != error.message { channel.onEvent(.deaf(error.message)) }
      lastProblem = error.message
    }
  }

  private mutating func watchSpool() {
    inotify = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
    guard inotify >= 0 else { return }
    inotify_add_watch(inotify, channel.folder.places.spool, UInt32(IN_MOVED_TO))
  }

  private mutating func stopListening() {
    if listening >= 0 {
      close(listening)
      channel.folder.close()
    }
    if inotify >= 0 { close(inotify) }
    (listening, inotify, owner) = (-1, -1, nil)
  }

  // MARK: - Waiting

  private mutating func wait(until compareAt: Duration) {
    var polled = [pollfd(fd: channel.signal.number, events: Int16(POLLIN), revents: 0)]
    // A negative descriptor is passed over (poll(2)).
    polled.append(pollfd(fd: inotify, events: Int16(POLLIN), revents: 0))
    let isResting = restUntil > BootClock.now
    let hasRoom = peers.count < CalloutListener.mostQuestions && !isResting
    polled.append(pollfd(fd: hasRoom ? listening : -1, events: Int16(POLLIN), revents: 0))
    var wakeAt = isResting ? min(compareAt, restUntil) : compareAt
    var numbers: [UInt64] = []
    for (number, peer) in peers where peer.descriptor >= 0 {
      numbers.append(number)
      // One whose question is open has nothing more to say: only its hanging up counts.
      polled.append(pollfd(fd: peer.descriptor, events: peer.isAsking ? 0 : Int16(POLLIN), revents: 0))
      if !peer.isAsking { wakeAt = min(wakeAt, peer.deadline) }
    }
    let count = poll(&polled, nfds_t(polled.count), (wakeAt - BootClock.now).pollMilliseconds)
    if count > 0 {
      if polled[0].revents != 0 { channel.signal.clear() }
      if polled[1].revents != 0 { drainSpoolEvents() }
      for (index, number) in numbers.enumerated() where polled[index + 3].revents != 0 { hear(number) }
    }
    answer()
    if count > 0, polled[2].revents != 0 { accept() }
    let now = BootClock.now
    for (number, peer) in peers where !peer.isAsking && peer.deadline <= now { hangUp(number) }
  }

  private func drainSpoolEvents() {
    var bytes = [UInt8](repeating: 0, count: 16_384)
    while Glibc.read(inotify, &bytes, bytes.count) > 0 {}
    channel.spool.yield()
  }

  // MARK: - Peers

  private mutating func accept() {
    while peers.count < CalloutListener.mostQuestions {
      let descriptor = Glibc.accept(listening, nil, nil)
      guard descriptor >= 0 else {
        if ![EAGAIN, EINTR, ECONNABORTED].contains(errno) { restUntil = BootClock.now + Self.rest }
        return
      }
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
      lastNumber += 1
      peers[lastNumber] = Peer(descriptor: descriptor, deadline: BootClock.now + Self.patience)
      guard let user = Self.user(of: descriptor), user == 0 || user == owner?.user else {
        let who = Self.user(of: descriptor).map { "user \($0)" } ?? "somebody unknown"
        refuse(lastNumber, "\(who) may not speak for rpc.statd")
        continue
      }
      // The request is usually there already.
      hear(lastNumber)
    }
  }

  /// SO_PEERCRED (unix(7)): `struct ucred` is process, user, group.
  private static func user(of descriptor: Int32) -> uid_t? {
    var credentials: [UInt32] = [0, 0, 0]
    var length = socklen_t(12)
    guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0, length == 12 else {
      return nil
    }
    return credentials[1]
  }

  private mutating func hear(_ number: UInt64) {
    guard var peer = peers[number] else { return }
    guard !peer.isAsking else {
      // It waits no longer. Its question stays open until it is answered.
      close(peer.descriptor)
      peer.descriptor = -1
      peers[number] = peer
      return
    }
    var chunk = [UInt8](repeating: 0, count: CalloutFrame.headerLength + CalloutFrame.longestBody + 1)
    let count = recv(peer.descriptor, &chunk, chunk.count, 0)
    if count < 0, errno == EAGAIN || errno == EINTR { return }
    guard count > 0 else { return hangUp(number) }
    peer.received += chunk[..<count]
    peers[number] = peer
    do throws(CalloutProtocolError) {
      guard peer.received.count >= CalloutFrame.headerLength else { return }
      let header = try CalloutFrame.header(peer.received)
      guard peer.received.count >= CalloutFrame.headerLength + header.bodyLength else { return }
      let request = try CalloutRequest(peer.received)
      peers[number]?.isAsking = true
      peers[number]?.received = []
      channel.question.yield(.init(number: number, request: request, record: record(for: request)))
    } catch {
      refuse(number, error.description)
    }
  }

  /// The record that statd wrote a moment ago, where its name is the one that statd says.
  private func record(for request: CalloutRequest) -> CalloutListener.FreshRecord? {
    guard case .addClient(let names) = request, let client = try? ClientName(names.monName),
      let reading = try? channel.directory.readFresh(client),
      MonitorRecord.names(names.monName, in: reading)
    else { return nil }
    return CalloutListener.FreshRecord(client: client, bytes: reading)
  }

  private mutating func refuse(_ number: UInt64, _ reason: String) {
    channel.onEvent(.refused(reason))
    send(CalloutReply(.refused, reason), to: number)
  }

  private mutating func answer() {
    let replies = channel.outbox.withLock { outbox in
      defer { outbox = [] }
      return outbox
    }
    for (number, reply) in replies { send(reply, to: number) }
  }

  /// A reply is smaller than any socket's buffer: where it doesn't fit, nobody reads.
  private mutating func send(_ reply: CalloutReply, to number: UInt64) {
    if let descriptor = peers[number]?.descriptor, descriptor >= 0 {
      let bytes = reply.bytes
      _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
    hangUp(number)
  }

  private mutating func hangUp(_ number: UInt64) {
    guard let peer = peers.removeValue(forKey: number), peer.descriptor >= 0 else { return }
    close(peer.descriptor)
  }
}
