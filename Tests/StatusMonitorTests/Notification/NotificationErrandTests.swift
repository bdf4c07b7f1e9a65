import HexText
import ONCRPC
import StatusMonitor
import Testing

/// B2: what goes over the wire, byte for byte (RFC 5531, RFC 1833; X/Open XNFS, chapter 11).
@Suite struct NotificationErrandTests {
  private static let noCredentials = "00000000 00000000 00000000 00000000"

  private func errand(_ names: [String] = ["nfs.example.com", "nfs"]) throws -> NotificationErrand {
    try NotificationErrand(.tell(names: names, number: try #require(StateNumber(9))))
  }

  @Test("B2 IPv4: PMAPPROC_GETPORT of version 2 asks for the status monitor's UDP port")
  func port() throws {
    #expect(
      try errand().message(.port, transactionID: 0xa1b2_c3d4)
        == bytes(
          """
          a1b2c3d4 00000000 00000002            # transaction, CALL, RPC version 2
          000186a0 00000002 00000003            # program 100000, version 2, GETPORT
          \(Self.noCredentials)
          000186b8 00000001 00000011 00000000   # program 100024, version 1, UDP, port 0
          """))
  }

  @Test("B2 IPv6: RPCBPROC_GETADDR of versions 4 and 3 asks for udp6", arguments: [UInt8(4), 3])
  func universalAddress(version: UInt8) throws {
    #expect(
      try errand().message(.universalAddress(version: version), transactionID: 1)
        == bytes(
          """
          00000001 00000000 00000002
          000186a0 0000000\(version) 00000003   # program 100000, GETADDR
          \(Self.noCredentials)
          000186b8 00000001                     # program 100024, version 1
          00000004 75647036 00000000 00000000   # "udp6", no address, no owner
          """))
  }

  @Test("B2 M6 SM_NOTIFY says every name, with one state number")
  func notify() throws {
    let errand = try errand()
    #expect(
      errand.message(.say(index: 0), transactionID: 0xffff_ffff)
        == bytes(
          """
          ffffffff 00000000 00000002
          000186b8 00000001 00000006            # program 100024, version 1, SM_NOTIFY
          \(Self.noCredentials)
          0000000f 6e66732e 6578616d 706c652e 636f6d00 00000009
          """))
    #expect(
      errand.message(.say(index: 1), transactionID: 2).suffix(12) == bytes("00000003 6e667300 00000009")[...])
    #expect(errand.sayings == 2)
    #expect(errand.names == ["nfs.example.com", "nfs"])
  }

  @Test("B7 a drill calls the NULL procedure and never SM_NOTIFY")
  func drill() throws {
    let errand = try NotificationErrand(.drill)
    #expect(
      errand.message(.say(index: 0), transactionID: 3)
        == bytes("00000003 00000000 00000002 000186b8 00000001 00000000 \(Self.noCredentials)"))
    #expect(errand.sayings == 1)
    #expect(errand.names == [])
  }

  @Test("over TCP rpcbind is asked for the TCP port")
  func stream() throws {
    let errand = try errand()
    #expect(
      try errand.streamLookUp(isIPv6: false, rpcbindVersion: 4, transactionID: 5)
        == bytes(
          """
          00000005 00000000 00000002 000186a0 00000002 00000003 \(Self.noCredentials)
          000186b8 00000001 00000006 00000000
          """))
    #expect(
      try errand.streamLookUp(isIPv6: true, rpcbindVersion: 3, transactionID: 6)
        == bytes(
          """
          00000006 00000000 00000002 000186a0 00000003 00000003 \(Self.noCredentials)
          000186b8 00000001 00000004 74637036 00000000 00000000
          """))
  }

  @Test("every message is one that a server of the protocol can read")
  func readable() throws {
    let errand = try errand(["a", "bb", "ccc", "dddd"])
    for (index, name) in errand.names.enumerated() {
      let (call, arguments) = try RPCCall.parse(
        errand.message(.say(index: UInt8(index)), transactionID: 0x8000_0001))
      #expect(call.transactionID == 0x8000_0001)
      let notice = try RestartNotice(arguments: arguments)
      #expect(notice == RestartNotice(monName: Array(name.utf8), state: 9))
    }
  }

  @Test("names: one to thirty, none beyond SM_MAXSTRLEN")
  func limits() throws {
    #expect(throws: XDRError.self) { try errand([]) }
    #expect(throws: XDRError.tooLong(length: 1_025, limit: 1_024)) {
      try errand([String(repeating: "n", count: 1_025)])
    }
    let most = (0..<NotificationErrand.mostNames).map { "name\($0)" }
    #expect(try errand(most).sayings == 30)
    #expect(throws: XDRError.tooLong(length: 31, limit: 30)) { try errand(most + ["one more"]) }
  }
}
