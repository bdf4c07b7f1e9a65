import CalloutProtocol
import Glibc
import NodeHost
import StatusMonitor
import Synchronization

/// Has the daemon of this node keep records, in the words of `lockferry-callout`: the daemon answers when the record is
/// durable in the shared store. Many questions are under way at once, and the daemon commits them together.
final class CalloutKeeper: RecordKeeper {
  private struct Queue {
    var waiting: [RecordKeeperRequest] = []
    var isStopped = false
  }

  /// Departures and restarts that nobody waits for are dropped beyond so many.
  private static let mostNews = 1_024

  private let queue = Mutex(Queue())
  private let signal: ThreadSignal

  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - socket: where the daemon listens for callouts.
  ///   - limit: how long a record may take.
  ///   - deliver: called on the thread.
  init(
    socket: String, limit: Duration,
    deliver: @escaping @Sendable ([(ticket: UInt64, outcome: RecordOutcome)]) -> Void
  ) throws(NodeHostError) {
    signal = try ThreadSignal()
    let (signal, take) = (signal, { @Sendable [weak self] in self?.take() })
    try OwnThread.start("lf-keeper") {
      var exchanges = CalloutExchanges(socket: socket, limit: limit)
      while let requests = take() {
        exchanges.begin(requests)
        let outcomes = exchanges.turn(beside: signal)
        if !outcomes.isEmpty { deliver(outcomes) }
      }
    }
  }

  deinit { stop() }

  func submit(_ requests: [RecordKeeperRequest]) {
    queue.withLock { queue in
      for request in requests where request.ticket != nil || queue.waiting.count < Self.mostNews {
        queue.waiting.append(request)
      }
    }
    signal.raise()
  }

  func stop() {
    queue.withLock { $0.isStopped = true }
    signal.raise()
  }

  /// What is new; nil at the end.
  private func take() -> [RecordKeeperRequest]? {
    queue.withLock { queue in
      guard !queue.isStopped else { return nil }
      defer { queue.waiting = [] }
      return queue.waiting
    }
  }
}

/// Questions to the daemon, each on a connection of its own, as the callout has it.
private struct CalloutExchanges {
  private static let atOnce = 128
  /// Between two attempts while the daemon's queue of connections is full, which can't be waited for (unix(7)).
  private static let pause = Duration.milliseconds(2)

  private struct Exchange {
    let ticket: UInt64?
    let descriptor: Int32
    var output: [UInt8]
    var input: [UInt8] = []
    let deadline: Duration
  }

  private let socket: String
  private let limit: Duration
  private var waiting: [(request: RecordKeeperRequest, deadline: Duration)] = []
  private var exchanges: [Exchange] = []
  private var outcomes: [(ticket: UInt64, outcome: RecordOutcome)] = []
  private var isQueueFull = false

  init(socket: String, limit: Duration) {
    self.socket = socket
    self.limit = limit
  }

  mutating func begin(_ requests: [RecordKeeperRequest]) {
    let deadline = BootClock.now + limit
    waiting += requests.map { ($0, deadline) }
  }

  /// Sends and receives what can be; waits where nothing can be.
  mutating func turn(beside signal: ThreadSignal) -> [(ticket: UInt64, outcome: RecordOutcome)] {
    connect()
    var polled = [pollfd(fd: signal.number, events: Int16(POLLIN), revents: 0)]
    polled += exchanges.map {
      pollfd(fd: $0.descriptor, events: Int16($0.output.isEmpty ? POLLIN : POLLOUT), revents: 0)
    }
    if outcomes.isEmpty, poll(&polled, nfds_t(polled.count), milliseconds) > 0 {
      if polled[0].revents != 0 { signal.clear() }
      let ready = zip(exchanges.indices, polled.dropFirst()).filter { $0.1.revents != 0 }.map(\.0)
      for index in ready.reversed() { advance(index) }
    }
    expire()
    defer { outcomes = [] }
    return outcomes
  }

  private var milliseconds: Int32 {
    if isQueueFull { return 2 }
    guard let next = (exchanges.map(\.deadline) + waiting.map(\.deadline)).min() else { return -1 }
    let (seconds, attoseconds) = (next - BootClock.now).components
    return Int32(clamping: max(seconds * 1_000 + attoseconds / 1_000_000_000_000_000 + 1, 0))
  }

  private mutating func connect() {
    isQueueFull = false
    while exchanges.count < CalloutExchanges.atOnce, let (request, deadline) = waiting.first {
      guard let bytes = request.message else {
        waiting.removeFirst()
        end(request.ticket, .failed("the names don't fit into a callout"))
        continue
      }
      switch open() {
      case .success(let descriptor):
        waiting.removeFirst()
        exchanges.append(
          Exchange(ticket: request.ticket, descriptor: descriptor, output: bytes, deadline: deadline))
        advance(exchanges.count - 1)
      case .failure(let failure):
        if failure.isQueueFull {
          isQueueFull = true
          return
        }
        waiting.removeFirst()
        end(request.ticket, .failed(failure.reason))
      }
    }
  }

  private struct ConnectFailure: Error {
    let reason: String
    var isQueueFull = false
  }

  private func open() -> Result<Int32, ConnectFailure> {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let path = Array(socket.utf8)
    let fits = withUnsafeMutableBytes(of: &address.sun_path) { target in
      guard path.count < target.count else { return false }
      target.copyBytes(from: path)
      return true
    }
    guard fits else { return .failure(ConnectFailure(reason: "\(socket) is too long for a socket")) }
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let descriptor = Glibc.socket(AF_UNIX, type, 0)
    guard descriptor >= 0 else { return .failure(ConnectFailure(reason: "no socket: \(text(errno))")) }
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard status != 0 else { return .success(descriptor) }
    let number = errno
    close(descriptor)
    switch number {
    case EAGAIN: return .failure(ConnectFailure(reason: "", isQueueFull: true))
    case ENOENT, ENOTDIR, ECONNREFUSED:
      return .failure(ConnectFailure(reason: "no daemon listens on \(socket); start lockferry run"))
    default: return .failure(ConnectFailure(reason: "\(socket): \(text(number))"))
    }
  }

  private mutating func advance(_ index: Int) {
    var exchange = exchanges[index]
    if !exchange.output.isEmpty {
      let count = send(exchange.descriptor, exchange.output, exchange.output.count, Int32(MSG_NOSIGNAL))
      if count > 0 {
        exchange.output.removeFirst(count)
        exchanges[index] = exchange
      } else if errno == EPIPE {
        // What the daemon said before it hung up is still to be read.
        exchange.output = []
        exchanges[index] = exchange
      } else if errno != EAGAIN && errno != EINTR {
        finish(index, .failed("the daemon hung up: \(text(errno))"))
      }
      return
    }
    var chunk = [UInt8](repeating: 0, count: 1_024)
    let count = recv(exchange.descriptor, &chunk, chunk.count, 0)
    if count < 0, errno == EAGAIN || errno == EINTR { return }
    guard count > 0 else { return finish(index, .failed("the daemon hung up before it had answered")) }
    exchange.input += chunk[..<count]
    exchanges[index] = exchange
    do throws(CalloutProtocolError) {
      guard exchange.input.count >= CalloutFrame.headerLength else { return }
      let length = try CalloutFrame.header(exchange.input).bodyLength
      guard exchange.input.count >= CalloutFrame.headerLength + length else { return }
      finish(index, CalloutExchanges.outcome(try CalloutReply(exchange.input)))
    } catch {
      finish(index, .failed("the daemon's answer can't be read: \(error)"))
    }
  }

  private static func outcome(_ reply: CalloutReply) -> RecordOutcome {
    switch reply.outcome {
    // Where nothing is owned there is nothing that could move, and no lock to lose.
    case .durable, .heard, .nothingOwned: .done
    case .notDurable, .refused: .failed(reply.text)
    }
  }

  private mutating func expire() {
    let now = BootClock.now
    for index in exchanges.indices.reversed() where exchanges[index].deadline <= now {
      finish(index, .failed("the daemon did not answer within \(limit)"))
    }
    while let first = waiting.first, first.deadline <= now {
      waiting.removeFirst()
      end(first.request.ticket, .failed("the daemon takes no question within \(limit)"))
    }
  }

  private mutating func finish(_ index: Int, _ outcome: RecordOutcome) {
    let exchange = exchanges.remove(at: index)
    close(exchange.descriptor)
    end(exchange.ticket, outcome)
  }

  private mutating func end(_ ticket: UInt64?, _ outcome: RecordOutcome) {
    if let ticket { outcomes.append((ticket, outcome)) }
  }

  private func text(_ number: Int32) -> String {
    strerror(number).map { String(cString: $0) } ?? "error \(number)"
  }
}

extension RecordKeeperRequest {
  /// The callout that says the same; nil where the names don't fit into one.
  fileprivate var message: [UInt8]? {
    switch self {
    case .keep(_, let identity): (try? names(identity)).map { CalloutRequest.addClient($0).bytes }
    case .departed(let identity): (try? names(identity)).map { CalloutRequest.deleteClient($0).bytes }
    case .restarted(let name, let source, let state, let at):
      (try? CalloutRequest.Restart(
        monName: name, source: Array(source.utf8), state: state < 0 ? nil : state, at: at)).map {
          CalloutRequest.restart($0).bytes
        }
    }
  }

  private func names(_ identity: MonitorIdentity) throws(CalloutProtocolError) -> CalloutRequest.Names {
    try CalloutRequest.Names(monName: identity.monName, myName: identity.target.myName)
  }
}
