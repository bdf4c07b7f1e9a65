import HexText
import ONCRPC
import Testing

/// RFC 5531, section 9: every kind of reply.
@Suite struct RPCReplyTests {
  static let kinds: [(RPCReply.Outcome, String)] = [
    (
      .success([0, 0, 0, 7]),
      """
      00000000            # MSG_ACCEPTED
      00000000 00000000   # verifier AUTH_NONE
      00000000 00000007   # SUCCESS, the results
      """
    ),
    (.success([]), "00000000 00000000 00000000 00000000"),
    (.programUnavailable, "00000000 00000000 00000000 00000001"),
    (.programMismatch(low: 1, high: 4), "00000000 00000000 00000000 00000002 00000001 00000004"),
    (.procedureUnavailable, "00000000 00000000 00000000 00000003"),
    (.garbageArguments, "00000000 00000000 00000000 00000004"),
    (.systemError, "00000000 00000000 00000000 00000005"),
    (
      .versionMismatch(low: 2, high: 2),
      """
      00000001            # MSG_DENIED
      00000000            # RPC_MISMATCH
      00000002 00000002   # low, high
      """
    ),
    (.authenticationError(5), "00000001 00000001 00000005"),
  ]

  @Test("RFC 5531: each kind of reply, byte for byte", arguments: 0..<kinds.count)
  func kind(index: Int) throws {
    let (outcome, hex) = Self.kinds[index]
    let message = bytes("deadbeef 00000001" + "\n" + hex)
    #expect(RPCReply(transactionID: 0xdead_beef, outcome).message == message)
    #expect(try RPCReply.parse(message) == RPCReply(transactionID: 0xdead_beef, outcome))
    for length in 0..<(message.count - (outcome == .success([0, 0, 0, 7]) ? 4 : 0)) {
      #expect(throws: RPCMessageError.self) { try RPCReply.parse(Array(message.prefix(length))) }
    }
  }

  @Test("a verifier of the server is read over")
  func verifier() throws {
    let message = bytes("00000001 00000001 00000000 00000006 00000003 01020300 00000000 0000002a")
    #expect(try RPCReply.parse(message).outcome == .success([0, 0, 0, 0x2a]))
  }

  @Test(
    "numbers that RFC 5531 doesn't know are refused",
    arguments: [
      "00000001 00000001 00000002", "00000001 00000001 00000001 00000002",
      "00000001 00000001 00000000 00000000 00000000 00000006",
      "00000001 00000001 00000000 00000000 00000191",
    ])
  func unknown(hex: String) {
    #expect(throws: RPCMessageError.self) { try RPCReply.parse(bytes(hex)) }
  }

  @Test("a call isn't a reply")
  func notAReply() {
    #expect(throws: RPCMessageError.unexpectedType(0)) { try RPCReply.parse(RPCCallTests.nullCall) }
  }
}
