import Glibc
import ONCRPC

@testable import RPCTransport

/// A program over TCP: one connection after the other, one call after the other, our codec against libtirpc's.
final class StreamServer: Sendable {
  private let listener: LoopbackSocket
  var port: UInt16 { listener.port }

  /// - Parameter answer: the bytes to send for a call, record marks included; nil closes the connection.
  init(_ answer: @escaping @Sendable (RPCCall, [UInt8]) -> [UInt8]?) throws {
    // The thread has it as well: the number of a closed descriptor may be another test's.
    let listener = try LoopbackSocket(isListening: true)
    self.listener = listener
    let isStarted = Job {
      while true {
        let connection = accept(listener.descriptor, nil, nil)
        // The listener was shut down.
        guard connection >= 0 else { return }
        StreamServer.serve(connection, answer)
        close(connection)
      }
    }.start()
    guard isStarted else { throw LoopbackSocket.SocketFailure(number: EAGAIN) }
  }

  // Wakes the thread in accept.
  deinit { shutdown(listener.descriptor, Int32(SHUT_RDWR)) }

  private static func serve(_ connection: Int32, _ answer: (RPCCall, [UInt8]) -> [UInt8]?) {
    var assembler = RecordAssembler(limit: 100_000)
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while true {
      let count = read(connection, &buffer, buffer.count)
      guard count > 0, let messages = try? assembler.receive(buffer.prefix(count)) else { return }
      for message in messages {
        guard let (call, arguments) = try? RPCCall.parse(message), let reply = answer(call, arguments) else {
          return
        }
        guard write(connection, reply, reply.count) == reply.count else { return }
      }
    }
  }
}
