import ONCRPC
import RPCTransport
import Testing

/// libtirpc's client against our codec's server: each is the other's reference.
@Suite struct RPCClientTests {
  static let program: UInt32 = 0x2000_1234
  static let limit = Duration.seconds(30)

  /// Answers by the number of the procedure.
  @Sendable static func answer(_ call: RPCCall, _ arguments: [UInt8]) -> RPCReply.Outcome {
    guard call.program == program else { return .programUnavailable }
    guard call.version == 1 else { return .programMismatch(low: 1, high: 1) }
    return switch call.procedure {
    case 0: .success([])
    case 1: .success(arguments)
    case 2: .garbageArguments
    case 3: .systemError
    case 4: .versionMismatch(low: 2, high: 2)
    case 5: .authenticationError(5)
    case 6: .success([UInt8](repeating: 7, count: 6_000))
    default: .procedureUnavailable
    }
  }

  private func withServer(
    over transport: RPCProtocol, _ body: (RPCClient) async throws -> Void
  ) async throws {
    switch transport {
    case .udp:
      let server = try await AnsweringServer.start(Self.answer)
      try await body(RPCClient(host: "127.0.0.1", over: .udp, port: server.port))
      withExtendedLifetime(server) {}
    case .tcp:
      let server = try StreamServer { call, arguments in
        let reply = RPCReply(transactionID: call.transactionID, Self.answer(call, arguments))
        return RecordMarking.record(of: reply.message, fragmentBytes: 100)
      }
      try await body(RPCClient(host: "127.0.0.1", over: .tcp, port: server.port))
      withExtendedLifetime(server) {}
    }
  }

  private func call(
    _ client: RPCClient, program: UInt32 = program, version: UInt32 = 1, _ procedure: UInt32,
    _ arguments: [UInt8] = [], resultLimit: Int = 65_536, within limit: Duration = limit
  ) async throws(RPCError) -> [UInt8] {
    try await client.call(
      program: program, version: version, procedure: procedure, arguments: arguments,
      resultLimit: resultLimit,
      within: limit)
  }

  @Test(
    "arguments and results pass unchanged, from none to thousands of bytes", arguments: RPCProtocol.allCases)
  func echo(transport: RPCProtocol) async throws {
    try await withServer(over: transport) { (client: RPCClient) async throws in
      #expect(try await call(client, 0) == [])
      for count in [0, 4, 8, 100, 400, 7_000] {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        #expect(try await call(client, 1, bytes) == bytes)
      }
    }
  }

  @Test("every refusal of the server is told apart", arguments: RPCProtocol.allCases)
  func refusals(transport: RPCProtocol) async throws {
    try await withServer(over: transport) { (client: RPCClient) async throws in
      let refusals: [(UInt32, UInt32, UInt32, String)] = [
        (Self.program, 1, 2, "can't read the arguments"), (Self.program, 1, 3, "error of its own"),
        (Self.program, 1, 4, "versions 2 to 2"), (Self.program, 1, 5, "reason 5"),
        (Self.program, 1, 9, "no such procedure"), (Self.program, 7, 0, "versions 1 to 1"),
        (Self.program + 1, 1, 0, "doesn't serve it"),
      ]
      for (program, version, procedure, clue) in refusals {
        let error = await #expect(throws: RPCError.self) {
          try await call(client, program: program, version: version, procedure)
        }
        #expect(error?.code == .rejected, "\(clue)")
        #expect(error?.message.contains(clue) == true, "\(String(describing: error))")
        #expect(error?.message.contains("on 127.0.0.1") == true)
      }
    }
  }

  @Test("results longer than the caller takes are an error, not a cut", arguments: RPCProtocol.allCases)
  func longResults(transport: RPCProtocol) async throws {
    try await withServer(over: transport) { (client: RPCClient) async throws in
      let whole = try await call(client, 6)
      #expect(whole.count == 6_000)
      let justFits = try await call(client, 6, resultLimit: 6_000)
      #expect(justFits == whole)
      let error = await #expect(throws: RPCError.self) { try await call(client, 6, resultLimit: 5_996) }
      #expect(error?.code == .badReply)
    }
  }

  @Test("a server that never answers is given up at the limit", arguments: RPCProtocol.allCases)
  func silentServer(transport: RPCProtocol) async throws {
    // A TCP connection is taken by the kernel, and nobody reads from it.
    let silent = try LoopbackSocket(isListening: transport == .tcp)
    let client = RPCClient(host: "127.0.0.1", over: transport, port: silent.port)
    let start = ContinuousClock.now
    let error = await #expect(throws: RPCError.self) {
      // Two calls of a program may hang, those of other tests included.
      try await call(client, program: Self.program + 2, version: 1, 0, within: .milliseconds(300))
    }
    #expect(error?.code == .timedOut)
    #expect(start.duration(to: .now) >= .milliseconds(280))
    withExtendedLifetime(silent) {}
  }

  @Test("where nothing listens the error says so", arguments: RPCProtocol.allCases)
  func nothingListens(transport: RPCProtocol) async throws {
    // tcpmux: reserved and unused, and never the kernel's choice for another test.
    let client = RPCClient(host: "127.0.0.1", over: transport, port: 1)
    let error = await #expect(throws: RPCError.self) { try await call(client, 0) }
    #expect(error?.code == .unreachable)
    #expect(error?.message.contains("nothing listens there") == true, "\(String(describing: error))")
  }

  @Test("a server that closes the connection instead of answering doesn't end the process")
  func closedConnection() async throws {
    let server = try StreamServer { _, _ in nil }
    let client = RPCClient(host: "127.0.0.1", over: .tcp, port: server.port)
    for _ in 0..<20 {
      let error = await #expect(throws: RPCError.self) { try await call(client, 0) }
      #expect(error?.code == .unreachable, "\(String(describing: error))")
    }
    withExtendedLifetime(server) {}
  }

  @Test(
    "garbage for an answer is no success",
    arguments: [[], [0, 0, 0, 1], [UInt8](repeating: 0xff, count: 64)])
  func garbage(reply: [UInt8]) async throws {
    let server = try StreamServer { call, _ in
      var writer = XDRWriter()
      writer.uint32(call.transactionID)
      return RecordMarking.record(of: writer.bytes + reply)
    }
    let client = RPCClient(host: "127.0.0.1", over: .tcp, port: server.port)
    // Where two calls of a program hang all others of it are refused.
    let error = await #expect(throws: RPCError.self) {
      try await call(client, program: Self.program + 4 + UInt32(reply.count), 0, within: .seconds(1))
    }
    #expect(error?.code != .busy)
    withExtendedLifetime(server) {}
  }

  @Test("a host without an address is told apart")
  func unknownHost() async throws {
    // A label has at most 63 characters, so no name server is asked.
    let host = String(repeating: "x", count: 64) + ".invalid"
    let client = RPCClient(host: host, over: .udp, port: 1)
    let error = await #expect(throws: RPCError.self) { try await call(client, 0) }
    #expect(error?.code == .unknownHost)
    #expect(error?.message.contains(host) == true)
  }

  @Test("IPv4-only services are found through a name that has an IPv6 address too")
  func severalAddresses() async throws {
    let server = try await AnsweringServer.start(Self.answer)
    let client = RPCClient(host: "localhost", over: .udp, port: server.port)
    #expect(try await call(client, 1, [1, 2, 3, 4]) == [1, 2, 3, 4])
    withExtendedLifetime(server) {}
  }

  @Test("bytes that aren't XDR aren't sent")
  func notXDR() async throws {
    let client = RPCClient(host: "127.0.0.1", over: .udp, port: 1)
    let error = await #expect(throws: RPCError.self) { try await call(client, 1, [1, 2, 3]) }
    #expect(error?.code == .invalid)
  }

  @Test("a cancelled call ends at once")
  func cancelled() async throws {
    let silent = try LoopbackSocket(isListening: false)
    let client = RPCClient(host: "127.0.0.1", over: .udp, port: silent.port)
    let task = Task { () async -> RPCError.Code? in
      do throws(RPCError) {
        _ = try await call(client, program: Self.program + 3, version: 1, 0, within: .seconds(3_600))
        return nil
      } catch {
        return error.code
      }
    }
    task.cancel()
    #expect(await task.value == .cancelled)
    withExtendedLifetime(silent) {}
  }
}
