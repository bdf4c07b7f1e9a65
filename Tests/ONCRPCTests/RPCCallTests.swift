import HexText
import ONCRPC
import Testing

/// RFC 5531, section 9.
@Suite struct RPCCallTests {
  /// What `rpcinfo -u 127.0.0.1 status 1` sends.
  static let nullCall = bytes(
    """
    12345678            # xid
    00000000            # CALL
    00000002            # RPC version
    000186b8            # program 100024, status
    00000001            # version
    00000000            # procedure NULL
    00000000 00000000   # credential AUTH_NONE, 0 bytes
    00000000 00000000   # verifier AUTH_NONE, 0 bytes
    """)

  /// A call with `AUTH_SYS` and arguments.
  static let systemCall = bytes(
    """
    00000001 00000000 00000002
    000186b5            # program 100021, nlockmgr
    00000004 00000002   # version 4, procedure LOCK
    00000001 00000024   # credential AUTH_SYS, 36 bytes
      5f5e1000            # stamp
      00000006 636c6965 6e740000   # machine name "client"
      000003e8 000003e9   # uid 1000, gid 1001
      00000002 0000000a 0000001b   # groups 10 and 27
    00000000 00000000   # verifier AUTH_NONE
    cafef00d            # arguments
    """)

  @Test("RFC 5531: a NULL call, byte for byte")
  func nullCallBytes() throws {
    let call = RPCCall(transactionID: 0x1234_5678, program: 100_024, version: 1, procedure: 0)
    #expect(try call.message() == Self.nullCall)
    let parsed = try RPCCall.parse(Self.nullCall)
    #expect(parsed.call == call)
    #expect(parsed.arguments == [])
  }

  @Test("RFC 5531: a call with AUTH_SYS and arguments, byte for byte")
  func systemCallBytes() throws {
    let call = RPCCall(
      transactionID: 1, program: 100_021, version: 4, procedure: 2,
      credential: .system(
        SystemCredential(
          stamp: 0x5f5e_1000, machineName: Array("client".utf8), user: 1000, group: 1001, groups: [10, 27])))
    #expect(try call.message(arguments: [0xca, 0xfe, 0xf0, 0x0d]) == Self.systemCall)
    let parsed = try RPCCall.parse(Self.systemCall)
    #expect(parsed.call == call)
    #expect(parsed.arguments == [0xca, 0xfe, 0xf0, 0x0d])
  }

  @Test("a credential of another flavour is kept as it is")
  func otherFlavor() throws {
    let call = RPCCall(
      transactionID: 9, program: 1, version: 1, procedure: 1,
      credential: .other(flavor: 6, body: [1, 2, 3]), verifier: .other(flavor: 6, body: []))
    #expect(try RPCCall.parse(try call.message()).call == call)
  }

  @Test("credentials beyond the protocol's limits are neither written nor read")
  func credentialLimits() throws {
    func call(_ credential: RPCCredential) -> RPCCall {
      RPCCall(transactionID: 1, program: 1, version: 1, procedure: 1, credential: credential)
    }
    let long = RPCCredential.other(flavor: 6, body: [UInt8](repeating: 0, count: 401))
    #expect(throws: XDRError.tooLong(length: 401, limit: 400)) { try call(long).message() }
    let groups = SystemCredential(
      machineName: [], user: 0, group: 0, groups: [UInt32](repeating: 0, count: 17))
    #expect(throws: XDRError.tooLong(length: 17, limit: 16)) { try call(.system(groups)).message() }

    var hostile = Self.systemCall
    hostile[59] = 0xff
    #expect(throws: RPCMessageError.self) { try RPCCall.parse(hostile) }
  }

  @Test("a reply, another version of RPC and half a call are told apart")
  func refused() throws {
    var reply = Self.nullCall
    reply[7] = 1
    #expect(throws: RPCMessageError.unexpectedType(1)) { try RPCCall.parse(reply) }
    var version3 = Self.nullCall
    version3[11] = 3
    #expect(throws: RPCMessageError.unsupportedVersion(3, transactionID: 0x1234_5678)) {
      try RPCCall.parse(version3)
    }
    for length in 0..<Self.nullCall.count {
      let error = #expect(throws: RPCMessageError.self) {
        try RPCCall.parse(Array(Self.nullCall.prefix(length)))
      }
      guard case .malformed(.truncated) = error else {
        Issue.record("\(length) bytes: \(String(describing: error))")
        continue
      }
    }
  }
}
