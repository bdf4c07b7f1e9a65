import Glibc
import ONCRPC

/// The TCP connections of a server, each with what has arrived of its next message and what hasn't been sent yet.
struct RPCServerConnections {
  private static let limit = 512
  /// Of these, kept for callers on this host, whose lock manager no crowd of strangers may shut out.
  private static let keptForLoopback = 64
  private static let perStranger = 16
  private static let unansweredPerConnection = 256
  private static let longestOutput = 1 << 20
  private static let idleLimit = Duration.seconds(300)
  /// For the rest of a message that has begun.
  private static let midstLimit = Duration.seconds(30)

  private struct Connection {
    let socket: Int32
    let caller: RPCServer.Caller
    var assembler: RecordAssembler
    var output: [UInt8] = []
    var unanswered = 0
    var lastRead: ContinuousClock.Instant
  }

  private let messageLimit: Int
  private var connections: [UInt64: Connection] = [:]
  private var lastNumber: UInt64 = 0
  private var buffer = [UInt8](repeating: 0, count: 16_384)

  init(messageLimit: Int) { self.messageLimit = messageLimit }

  var numbers: [UInt64] { Array(connections.keys) }

  func caller(of number: UInt64) -> RPCServer.Caller? { connections[number]?.caller }

  func pollEntry(of number: UInt64, isReading: Bool) -> pollfd {
    guard let connection = connections[number] else { return pollfd(fd: -1, events: 0, revents: 0) }
    let isPatient = connection.unanswered < RPCServerConnections.unansweredPerConnection
    let events = (isReading && isPatient ? POLLIN : 0) | (connection.output.isEmpty ? 0 : POLLOUT)
    return pollfd(fd: connection.socket, events: Int16(events), revents: 0)
  }

  /// Takes the connections that wait, as many as there is room for; the others are closed at once.
  mutating func accept(from listener: RPCServerSocket) {
    for _ in 0..<64 {
      var storage = sockaddr_storage()
      var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let socket = withUnsafeMutablePointer(to: &storage) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.accept(listener.number, $0, &size) }
      }
      guard socket >= 0 else { return }
      _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
      _ = fcntl(socket, F_SETFL, O_NONBLOCK)
      let bytes = withUnsafeBytes(of: storage) { Array($0.prefix(Int(size))) }
      guard let caller = RPCServer.Caller(socketAddress: bytes), hasRoom(for: caller) else {
        Glibc.close(socket)
        continue
      }
      lastNumber += 1
      connections[lastNumber] = Connection(
        socket: socket, caller: caller, assembler: RecordAssembler(limit: messageLimit), lastRead: .now)
    }
  }

  private func hasRoom(for caller: RPCServer.Caller) -> Bool {
    if caller.isLoopback { return connections.count < RPCServerConnections.limit }
    return connections.count < RPCServerConnections.limit - RPCServerConnections.keptForLoopback
      && connections.values.count { $0.caller.address == caller.address } < RPCServerConnections.perStranger
  }

  /// Reads and writes what can be; returns the messages that are complete.
  mutating func turn(_ number: UInt64, _ events: Int16) -> [[UInt8]] {
    guard connections[number] != nil else { return [] }
    if events & Int16(POLLOUT) != 0 { flush(number) }
    guard events & Int16(POLLIN | POLLHUP | POLLERR) != 0, let connection = connections[number] else {
      return []
    }
    let count = recv(connection.socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    guard count > 0 else {
      if count == 0 || (errno != EAGAIN && errno != EINTR) { close(number: number) }
      return []
    }
    connections[number]?.lastRead = .now
    do throws(XDRError) {
      return try connections[number]?.assembler.receive(buffer[..<count]) ?? []
    } catch {
      close(number: number)
      return []
    }
  }

  mutating func send(_ bytes: [UInt8], to number: UInt64) {
    guard let waiting = connections[number]?.output.count else { return }
    guard waiting + bytes.count <= RPCServerConnections.longestOutput else { return close(number: number) }
    connections[number]?.output += bytes
    flush(number)
  }

  mutating func noteCall(_ number: UInt64) { connections[number]?.unanswered += 1 }

  mutating func noteAnswer(_ number: UInt64) { connections[number]?.unanswered -= 1 }

  /// Closes connections on which nothing arrived for long, and nobody waits for an answer.
  mutating func closeIdle() {
    let now = ContinuousClock.now
    for (number, connection) in connections where connection.unanswered == 0 {
      let isMidst = connection.assembler.isInMidst || !connection.output.isEmpty
      let limit = isMidst ? RPCServerConnections.midstLimit : RPCServerConnections.idleLimit
      if now - connection.lastRead > limit { close(number: number) }
    }
  }

  mutating func closeAll() { for number in numbers { close(number: number) } }

  private mutating func flush(_ number: UInt64) {
    guard let connection = connections[number], !connection.output.isEmpty else { return }
    let count = connection.output.withUnsafeBytes {
      Glibc.send(connection.socket, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
    }
    if count > 0 {
      connections[number]?.output.removeFirst(count)
    } else if count < 0, errno != EAGAIN, errno != EINTR {
      close(number: number)
    }
  }

  private mutating func close(number: UInt64) {
    if let connection = connections.removeValue(forKey: number) { Glibc.close(connection.socket) }
  }
}
