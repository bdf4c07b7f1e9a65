import CTirpc
import Glibc
import ONCRPC

/// One call, from the host's name to the results, all of it blocking: for ``RPCThreads`` only.
struct RPCExchange {
  let host: String
  let transport: RPCProtocol
  /// Nil: ask the host's rpcbind.
  let port: UInt16?
  let program: UInt32
  let version: UInt32
  let deadline: Deadline

  private var subject: String { rpcSubject(program: program, version: version, over: transport, host: host) }

  /// Tries the host's addresses one after the other until one of them answers, be it with a refusal.
  func call(
    procedure: UInt32, arguments: [UInt8], resultLimit: Int
  ) throws(RPCError) -> [UInt8] {
    var failure: RPCError?
    for var address in try SocketAddress.resolve(host: host) {
      do throws(RPCError) {
        if let port {
          address.port = port
        } else if let found = try lookUp(at: address) {
          address.port = found
        } else {
          throw RPCError(
            .notRegistered,
            "\(subject): rpcbind there doesn't know it; is the service running on that host?")
        }
        return try exchange(
          with: address, subject, program, version, procedure, arguments, resultLimit: resultLimit)
      } catch {
        failure = failure ?? error
        guard error.code == .unreachable || error.code == .notRegistered else { throw error }
      }
    }
    throw failure ?? RPCError(.unknownHost, "host \(host) has no address")
  }

  /// The program's port at the host of `address`; nil where rpcbind doesn't know it.
  func lookUp(at address: SocketAddress) throws(RPCError) -> UInt16? {
    var rpcbind = address
    rpcbind.port = PortMap.port
    let subject = subject + ", asking rpcbind for its port"
    let rpcbindVersion = address.isIPv6 ? PortMap.rpcbindVersion : PortMap.portMapperVersion
    let arguments: [UInt8]
    do throws(XDRError) {
      arguments =
        address.isIPv6
        ? try PortMap.addressArguments(
          program: program, version: version, netID: transport.netID(isIPv6: true))
        : PortMap.portArguments(program: program, version: version, transport: transport.portMapNumber)
    } catch {
      throw RPCError(.invalid, "\(subject): \(error)")
    }
    let results = try exchange(
      with: rpcbind, subject, PortMap.program, rpcbindVersion, PortMap.lookUp, arguments, resultLimit: 1_024)
    do throws(XDRError) {
      return address.isIPv6
        ? try PortMap.port(addressResults: results) : try PortMap.port(results: results)
    } catch {
      throw RPCError(.badReply, "\(subject): \(error)")
    }
  }

  private func exchange(
    with address: SocketAddress, _ subject: String, _ program: UInt32, _ version: UInt32,
    _ procedure: UInt32, _ arguments: [UInt8], resultLimit: Int
  ) throws(RPCError) -> [UInt8] {
    let socket = try connectedSocket(to: address, subject)
    defer { close(socket) }
    let timeout = deadline.milliseconds
    guard timeout > 0 else { throw timedOut(subject) }
    // Several attempts fit into a short limit, and a long one doesn't flood the host.
    let retry = min(max(timeout / 4, 50), 1_000)
    var results = [UInt8](repeating: 0, count: max(resultLimit, 4) & ~3)
    var size = 0
    let capacity = results.count
    while true {
      let outcome = results.withUnsafeMutableBytes { results in
        arguments.withUnsafeBytes { arguments in
          address.withPointer { pointer, length in
            lf_rpc_call(
              socket, transport == .tcp ? 1 : 0, pointer, length, program, version, procedure,
              deadline.milliseconds, retry, arguments.baseAddress, arguments.count, results.baseAddress,
              capacity, &size)
          }
        }
      }
      if transport == .udp, outcome.status == RPCStatus.cantSend.rawValue,
        let noRoom = noRoomToSend(outcome.error_number, isIPv6: address.isIPv6)
      {
        // As good as a datagram that was lost on its way, which libtirpc would have sent again. The next is another
        // call to the server, which may have done an earlier one: nothing that is called here minds being done twice.
        usleep(UInt32(min(retry, deadline.milliseconds)) * 1_000)
        guard deadline.milliseconds > 0 else { throw RPCError(.failed, "\(subject): \(noRoom)") }
        continue
      }
      if let error = error(of: outcome, subject) { throw error }
      return Array(results.prefix(size))
    }
  }

  /// A socket connected within the deadline; libtirpc's own `connect` would wait for minutes.
  private func connectedSocket(to address: SocketAddress, _ subject: String) throws(RPCError) -> Int32 {
    let type = transport == .tcp ? SOCK_STREAM : SOCK_DGRAM
    let flags = Int32(type.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let socket = socket(address.family, flags, 0)
    guard socket >= 0 else {
      let family = errno == EAFNOSUPPORT
      throw RPCError(family ? .unreachable : .failed, "\(subject): no socket: \(systemErrorText(errno))")
    }
    var status = address.withPointer { connect(socket, $0, $1) }
    var number = status == 0 ? 0 : errno
    if number == EINPROGRESS {
      var waiting = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
      repeat { status = poll(&waiting, 1, deadline.milliseconds) } while status < 0 && errno == EINTR
      number = status == 0 ? ETIMEDOUT : (status < 0 ? errno : socketError(socket))
    }
    if number == 0 {
      // libtirpc reads with poll, and takes a write that would block for a failure.
      let flags = fcntl(socket, F_GETFL)
      if fcntl(socket, F_SETFL, flags & ~O_NONBLOCK) == 0 { return socket }
      number = errno
    }
    close(socket)
    if number == ETIMEDOUT { throw timedOut(subject) }
    throw unreachable(subject, number)
  }

  private func socketError(_ socket: Int32) -> Int32 {
    var number: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &number, &size) == 0 ? number : errno
  }

  private func timedOut(_ subject: String) -> RPCError {
    RPCError(.timedOut, "\(subject): no answer within the limit")
  }

  private func unreachable(_ subject: String, _ number: Int32) -> RPCError {
    let text = systemErrorText(number)
    return RPCError(
      .unreachable,
      number == ECONNREFUSED ? "\(subject): nothing listens there (\(text))" : "\(subject): \(text)")
  }

  private func error(of outcome: lf_rpc_outcome, _ subject: String) -> RPCError? {
    switch RPCStatus(rawValue: outcome.status) {
    case .success: return nil
    case .timedOut: return timedOut(subject)
    case .cantSend, .cantReceive:
      // libtirpc reports a peer that closes the connection without an answer as ECONNRESET or as nothing.
      return unreachable(subject, outcome.error_number == 0 ? ECONNRESET : outcome.error_number)
    case .versionMismatch, .programMismatch:
      return RPCError(
        .rejected,
        "\(subject): the server has versions \(outcome.low) to \(outcome.high) only")
    case .authentication:
      return RPCError(.rejected, "\(subject): the server refused the credential, reason \(outcome.reason)")
    case .programUnavailable:
      return RPCError(
        .rejected, "\(subject): the server at its port doesn't serve it; is a stale entry in rpcbind?")
    case .procedureUnavailable: return RPCError(.rejected, "\(subject): the server has no such procedure")
    case .cantDecodeArguments: return RPCError(.rejected, "\(subject): the server can't read the arguments")
    case .systemError: return RPCError(.rejected, "\(subject): the server reports an error of its own")
    case .cantDecodeResults: return RPCError(.badReply, "\(subject): the answer can't be read or is too long")
    case .cantEncodeArguments:
      return RPCError(.invalid, "\(subject): the arguments don't fit into a call")
    case nil:
      let text = lf_rpc_status_text(outcome.status).map { String(cString: $0) } ?? "unknown"
      return RPCError(.failed, "\(subject): \(text) (libtirpc's status \(outcome.status))")
    }
  }
}

/// The values of libtirpc's `enum clnt_stat` that are told apart here.
private enum RPCStatus: Int32 {
  case success = 0
  case cantEncodeArguments = 1
  case cantDecodeResults = 2
  case cantSend = 3
  case cantReceive = 4
  case timedOut = 5
  case versionMismatch = 6
  case authentication = 7
  case programUnavailable = 8
  case programMismatch = 9
  case procedureUnavailable = 10
  case cantDecodeArguments = 11
  case systemError = 12
}
