import CLinux
import Glibc
import ONCRPC
import StatusMonitor

/// One client told over TCP: its rpcbind says where its status monitor listens, and that hears what is unsaid.
///
/// Never blocks: ``onReady()`` goes on as far as the kernel lets it.
struct StreamConversation {
  /// What has happened.
  enum Event {
    /// The client has answered to this.
    case said(UInt8)
    /// It is over.
    case ended(NotificationProblem?)
  }

  private enum Stage {
    case findingPort
    case saying
  }

  /// How long it may take.
  struct Limits {
    /// One connection.
    var connecting: Duration
    /// All of it.
    var all: Duration
  }

  let client: Int
  /// When it has failed unless it has gone on.
  private(set) var deadline: Duration
  private let end: Duration
  private let connecting: Duration
  private let errand: NotificationErrand
  private let address: HostAddress
  private let source: HostAddress
  private var unsaid: [UInt8]
  private var stage = Stage.findingPort
  private var isConnected = false
  private var rpcbindVersion: UInt32 = 4
  private var outgoing: [UInt8] = []
  private var incoming = RecordAssembler(limit: 4_096)
  private(set) var descriptor: Int32 = -1
  private let salt: UInt32

  init(
    client: Int, errand: NotificationErrand, to address: HostAddress, from source: HostAddress,
    unsaid: [UInt8], limits: Limits, now: Duration
  ) {
    self.client = client
    self.errand = errand
    self.address = address
    self.source = source
    self.unsaid = unsaid
    end = now + limits.all
    connecting = limits.connecting
    deadline = min(now + limits.connecting, end)
    salt = UInt32.random(in: .min ... .max)
  }

  /// What to wait for: that the kernel takes something, or that something has come.
  var waitsToWrite: Bool { !isConnected || !outgoing.isEmpty }

  mutating func begin() -> [Event] { connect(port: PortMap.port) }

  /// Ends the connection.
  mutating func hangUp() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }

  /// The kernel can go on.
  mutating func onReady(now: Duration) -> [Event] {
    defer { if descriptor >= 0 { deadline = isConnected ? end : min(now + connecting, end) } }
    if !isConnected {
      var number: Int32 = 0
      var size = socklen_t(MemoryLayout<Int32>.size)
      guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &size) == 0, number == 0 else {
        return end(problem(number == 0 ? errno : number))
      }
      return begun()
    }
    return outgoing.isEmpty ? read() : write()
  }

  private mutating func connect(port: UInt16) -> [Event] {
    hangUp()
    isConnected = false
    incoming = RecordAssembler(limit: 4_096)
    var from = source.peer(port: 0)
    var isPrivileged = false
    descriptor = lfn_open(true, &from, 0, &isPrivileged)
    guard descriptor >= 0 else { return end(.unreachable(systemErrorText(-descriptor))) }
    var to = address.peer(port: port)
    let status = lfn_connect(descriptor, &to)
    if status == -EINPROGRESS { return [] }
    return status == 0 ? begun() : end(problem(-status))
  }

  private mutating func begun() -> [Event] {
    isConnected = true
    do throws(XDRError) {
      switch stage {
      case .findingPort:
        outgoing = RecordMarking.record(
          of: try errand.streamLookUp(
            isIPv6: address.isIPv6, rpcbindVersion: rpcbindVersion, transactionID: salt))
      case .saying:
        outgoing = unsaid.flatMap { index in
          RecordMarking.record(
            of: errand.message(.say(index: index), transactionID: salt ^ UInt32(index + 1)))
        }
      }
    } catch {
      return end(.rejected("the call can't be written: \(error)"))
    }
    return write()
  }

  private mutating func write() -> [Event] {
    while !outgoing.isEmpty {
      let count = outgoing.withUnsafeBytes {
        send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0 {
        if errno == EINTR { continue }
        return errno == EAGAIN ? [] : end(problem(errno))
      }
      outgoing.removeFirst(count)
    }
    return []
  }

  private mutating func read() -> [Event] {
    var events: [Event] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    if count < 0 { return errno == EAGAIN || errno == EINTR ? [] : end(problem(errno)) }
    if count == 0 { return end(.silent) }
    let replies: [RPCReply]
    do {
      replies = try incoming.receive(buffer[..<count]).map { try RPCReply.parse($0) }
    } catch {
      return end(.garbled)
    }
    for reply in replies {
      let before = stage
      events += before == .findingPort ? onPort(reply) : onSaid(reply)
      // The connection to rpcbind is over, and what else came on it, too.
      if stage != before || descriptor < 0 { break }
    }
    return events
  }

  private mutating func onPort(_ reply: RPCReply) -> [Event] {
    guard reply.transactionID == salt else { return end(.garbled) }
    switch reply.outcome {
    case .success(let results):
      do throws(XDRError) {
        let port =
          address.isIPv6 ? try PortMap.port(addressResults: results) : try PortMap.port(results: results)
        guard let port else { return end(.notRegistered) }
        stage = .saying
        return connect(port: port)
      } catch {
        return end(.garbled)
      }
    case .programMismatch where address.isIPv6 && rpcbindVersion == 4:
      rpcbindVersion = 3
      return begun()
    case let refusal: return end(.rejected("\(refusal)"))
    }
  }

  private mutating func onSaid(_ reply: RPCReply) -> [Event] {
    guard let place = unsaid.firstIndex(where: { salt ^ UInt32($0 + 1) == reply.transactionID }) else {
      return end(.garbled)
    }
    guard case .success = reply.outcome else { return end(.rejected("\(reply.outcome)")) }
    let said = Event.said(unsaid.remove(at: place))
    return unsaid.isEmpty ? [said] + end(nil) : [said]
  }

  private mutating func end(_ problem: NotificationProblem?) -> [Event] {
    hangUp()
    return [.ended(problem)]
  }

  private func problem(_ number: Int32) -> NotificationProblem {
    switch number {
    case ECONNREFUSED: .closed(rpcbind: stage == .findingPort)
    case ETIMEDOUT: .silent
    default: .unreachable(systemErrorText(number))
    }
  }
}
