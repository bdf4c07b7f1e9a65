import CLinux
import Glibc
public import ONCRPC

/// Serves calls that arrive over UDP and TCP, IPv4 and IPv6, from one thread that never waits for anything but the next
/// of them. A call may wait for its answer as long as its program likes; others are answered meanwhile.
///
/// Belongs to one thread.
public final class RPCServer {
  /// A call that arrived.
  public struct Arrival: Sendable {
    /// Names the call until it is answered; every arrival wants one answer.
    public let request: UInt64
    /// Its head.
    public let call: RPCCall
    /// Its arguments in XDR.
    public let arguments: [UInt8]
    /// Where it came from.
    public let caller: Caller
  }

  /// Where a call came from.
  public struct Caller: Sendable {
    /// 4 or 16 bytes in network order.
    public let address: [UInt8]
    /// The port.
    public let port: UInt16
  }

  /// A transport that is served.
  public struct Endpoint: Sendable, Equatable {
    /// `udp`, `tcp`, `udp6` or `tcp6`, as rpcbind knows it.
    public let netID: String
    /// The port on every address of this host.
    public let port: UInt16
  }

  /// What is served.
  public let endpoints: [Endpoint]

  private enum Origin {
    case datagram(socket: Int32, route: lfs_route)
    case connection(UInt64)
  }

  /// The most calls without an answer at once; more datagrams are dropped, and more connections wait.
  private static let unansweredLimit = 16_384
  /// The most datagrams that are read in one turn, so that connections have theirs.
  private static let datagramsPerTurn = 512

  private let messageLimit: Int
  private let sockets: [RPCServerSocket]
  private var connections: RPCServerConnections
  private var unanswered: [UInt64: (transaction: UInt32, origin: Origin)] = [:]
  private var lastRequest: UInt64 = 0

  /// Binds every transport that this host has.
  ///
  /// - Parameters:
  ///   - port: the port of all of them; nil lets the kernel choose one for each.
  ///   - messageLimit: longer messages end their connection, and longer datagrams are dropped; in bytes.
  /// - Throws: ``RPCError`` where a port can't be had.
  public init(port: UInt16?, messageLimit: Int) throws(RPCError) {
    var sockets: [RPCServerSocket] = []
    do throws(RPCError) {
      for isIPv6 in [false, true] {
        for transport in RPCProtocol.allCases {
          if let socket = try RPCServerSocket(transport, isIPv6: isIPv6, port: port ?? 0) {
            sockets.append(socket)
          }
        }
      }
    } catch {
      for socket in sockets { close(socket.number) }
      throw error
    }
    self.sockets = sockets
    self.messageLimit = messageLimit
    connections = RPCServerConnections(messageLimit: messageLimit)
    endpoints = sockets.map { Endpoint(netID: $0.transport.netID(isIPv6: $0.isIPv6), port: $0.port) }
  }

  deinit {
    for socket in sockets { close(socket.number) }
    connections.closeAll()
  }

  /// Waits until calls arrive, one of the other descriptors is readable, or the limit is over.
  ///
  /// - Parameters:
  ///   - limit: nil waits as long as it takes.
  ///   - others: descriptors that the caller looks after.
  /// - Returns: the calls, and which of the others are readable.
  public func wait(
    for limit: Duration?, beside others: [Int32]
  ) -> (arrivals: [Arrival], readable: Set<Int32>) {
    let isFull = unanswered.count >= RPCServer.unansweredLimit
    var polled = others.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    polled += sockets.map { pollfd(fd: $0.number, events: Int16(POLLIN), revents: 0) }
    let known = connections.numbers
    polled += known.map { connections.pollEntry(of: $0, isReading: !isFull) }
    // Also without a limit once in a while: connections grow old.
    let milliseconds = min(limit.map(RPCServer.milliseconds) ?? 10_000, 10_000)
    guard poll(&polled, nfds_t(polled.count), milliseconds) > 0 else {
      connections.closeIdle()
      return ([], [])
    }
    var arrivals: [Arrival] = []
    let entries = polled[others.count...]
    for (socket, entry) in zip(sockets, entries) where entry.revents != 0 {
      switch socket.transport {
      case .udp: arrivals += receive(from: socket)
      case .tcp: connections.accept(from: socket)
      }
    }
    for (number, entry) in zip(known, entries.dropFirst(sockets.count)) where entry.revents != 0 {
      for message in connections.turn(number, entry.revents) {
        guard let caller = connections.caller(of: number) else { break }
        if let arrival = arrival(message, from: caller, .connection(number)) { arrivals.append(arrival) }
      }
    }
    connections.closeIdle()
    return (arrivals, Set(polled.prefix(others.count).filter { $0.revents != 0 }.map(\.fd)))
  }

  /// Answers a call; one whose connection is gone is dropped.
  public func answer(_ request: UInt64, _ outcome: RPCReply.Outcome) {
    guard let (transaction, origin) = unanswered.removeValue(forKey: request) else { return }
    send(RPCReply(transactionID: transaction, outcome).message, to: origin)
    if case .connection(let number) = origin { connections.noteAnswer(number) }
  }

  private func send(_ message: [UInt8], to origin: Origin) {
    switch origin {
    case .datagram(let socket, var route): _ = lfs_send(socket, message, message.count, &route)
    case .connection(let number): connections.send(RecordMarking.record(of: message), to: number)
    }
  }

  private func receive(from socket: RPCServerSocket) -> [Arrival] {
    var arrivals: [Arrival] = []
    var buffer = [UInt8](repeating: 0, count: messageLimit)
    for _ in 0..<RPCServer.datagramsPerTurn {
      var route = lfs_route()
      let count = lfs_receive(socket.number, &buffer, buffer.count, &route)
      if count == -Int(EAGAIN) { break }
      // Errors of earlier answers (a caller that went away) arrive here too, and mean nothing for the next.
      guard count >= 0, unanswered.count < RPCServer.unansweredLimit, let caller = RPCServer.caller(of: route)
      else { continue }
      let origin = Origin.datagram(socket: socket.number, route: route)
      if let arrival = arrival(Array(buffer[..<count]), from: caller, origin) { arrivals.append(arrival) }
    }
    return arrivals
  }

  /// Nil where the message deserves no answer, or has it already.
  private func arrival(_ message: [UInt8], from caller: Caller, _ origin: Origin) -> Arrival? {
    do throws(RPCMessageError) {
      let (call, arguments) = try RPCCall.parse(message)
      lastRequest += 1
      unanswered[lastRequest] = (call.transactionID, origin)
      if case .connection(let number) = origin { connections.noteCall(number) }
      return Arrival(request: lastRequest, call: call, arguments: arguments, caller: caller)
    } catch {
      if case .unsupportedVersion(_, let transaction) = error {
        send(RPCReply(transactionID: transaction, .versionMismatch(low: 2, high: 2)).message, to: origin)
      }
      return nil
    }
  }

  private static func caller(of route: lfs_route) -> Caller? {
    withUnsafeBytes(of: route.peer) { Caller(socketAddress: Array($0.prefix(Int(route.peer_size)))) }
  }

  private static func milliseconds(_ limit: Duration) -> Int32 {
    let (seconds, attoseconds) = limit.components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    return Int32(
      clamping: min(seconds, 100) * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
  }
}

extension RPCServer.Caller {
  /// The parts of a `sockaddr_in` or `sockaddr_in6`; nil for another family.
  init?(socketAddress bytes: [UInt8]) {
    guard bytes.count >= 16 else { return nil }
    port = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
    switch Int32(bytes.withUnsafeBytes { $0.loadUnaligned(as: sa_family_t.self) }) {
    case AF_INET: address = Array(bytes[4..<8])
    case AF_INET6 where bytes.count >= 24: address = Array(bytes[8..<24])
    default: return nil
    }
  }

  var isLoopback: Bool { address == [127, 0, 0, 1] || address == [UInt8](repeating: 0, count: 15) + [1] }
}
