import CLinux
import Glibc
import ONCRPC

/// One TCP socket for one service of all hosts, and its connections.
final class StreamDoor {
  private struct Connection {
    let client: Int
    let remote: lfd_endpoint
    var assembler = RecordAssembler(limit: 65_536)
  }

  let service: CrowdHosts.Service
  let listener: Int32
  private(set) var accepted = 0
  private(set) var calls = 0
  private let wait: Int32
  private var connections: [Int32: Connection] = [:]
  private var bytes = [UInt8](repeating: 0, count: 65_536)
  private var room = [UInt8](repeating: 0, count: ReplyRoom.neededBytes)

  /// - Parameter wait: where its connections are waited for.
  init(_ service: CrowdHosts.Service, isIPv6: Bool, port: UInt16, wait: Int32) throws {
    self.service = service
    self.wait = wait
    listener = lfd_open_listener(isIPv6, port)
    guard listener >= 0 else {
      throw NSMPeerError("TCP port \(port): \(String(cString: strerror(-listener)))")
    }
  }

  deinit {
    for connection in connections.keys { close(connection) }
    close(listener)
  }

  /// Connection requests to these clients get no answer (their last 4 address bytes); none: to all again.
  func ignore(_ clients: [UInt32], isIPv6: Bool) throws {
    let result = lfd_ignore(listener, isIPv6, clients, clients.count)
    guard result == 0 else { throw NSMPeerError("no filter: \(String(cString: strerror(-result)))") }
  }

  /// Accepts who calls.
  func accept(_ hosts: CrowdHosts) {
    var (local, remote) = (lfd_endpoint(), lfd_endpoint())
    while true {
      let connection = lfd_accept(listener, &local, &remote)
      guard connection >= 0 else { return }
      accepted += 1
      let client = withUnsafeBytes(of: &local.address) { hosts.addresses.client(at: $0) }
      guard let client, hosts.listens(client, at: service),
        lfd_wait_for(wait, connection, UInt64(connection)) == 0
      else {
        _ = lfd_reset_on_close(connection)
        close(connection)
        continue
      }
      connections[connection] = Connection(client: client, remote: remote)
    }
  }

  /// Answers what has arrived on a connection; false where it is none of this door's.
  func serve(_ connection: Int32, _ hosts: inout CrowdHosts) -> Bool {
    guard var state = connections.removeValue(forKey: connection) else { return false }
    let count = recv(connection, &bytes, bytes.count, 0)
    if count < 0 && (errno == EAGAIN || errno == EINTR) {
      connections[connection] = state
      return true
    }
    guard count > 0, let messages = try? state.assembler.receive(bytes[..<count]),
      reply(to: messages, on: connection, state, &hosts)
    else {
      close(connection)
      return true
    }
    connections[connection] = state
    return true
  }

  private func reply(
    to messages: [[UInt8]], on connection: Int32, _ state: Connection, _ hosts: inout CrowdHosts
  ) -> Bool {
    var remote = state.remote
    for message in messages where hosts.answersTCP(state.client) {
      calls += 1
      let length = room.withUnsafeMutableBytes { room in
        var reply = ReplyRoom(room)
        let isAnswered = withUnsafeBytes(of: &remote.address) { source in
          message.withUnsafeBytes { message in
            hosts.answer(
              message,
              CrowdHosts.Arrival(
                client: state.client, service: service, overTCP: true, source: source,
                sourcePort: state.remote.port, now: lfh_boot_nanoseconds()), into: &reply)
          }
        }
        return isAnswered ? reply.count : nil
      }
      guard let length else { return false }
      let record = RecordMarking.record(of: Array(room.prefix(length)))
      // A record of a hundred bytes always fits into an idle connection's buffer.
      guard send(connection, record, record.count, Int32(MSG_NOSIGNAL)) == record.count else {
        return false
      }
    }
    return true
  }
}
