import HexText
import ONCRPC
import StatusMonitor
import Testing

/// `sm_inter.x`: the arguments and results of the status monitor's procedures, byte for byte.
@Suite struct StatusMonitorProgramTests {
  private let identity = MonitorIdentity(
    monName: Array("10.0.0.11".utf8), target: CallbackTarget(myName: Array("primary".utf8)))

  private static let identityHex = """
    00000009 31302e30 2e302e31 31000000   # mon_name "10.0.0.11"
    00000007 7072696d 61727900            # my_name "primary"
    000186b5 00000003 00000010            # nlockmgr, version 3, procedure 16
    """
  private static let cookieHex = "b0444d63 08000000 00a7a3df fcef1aff"

  @Test("SM_MON and SM_UNMON name the peer, the caller and the callback")
  func monitor() throws {
    #expect(try identity.encoded() == bytes(Self.identityHex))
    let request = MonitorRequest(identity: identity, cookie: bytes(Self.cookieHex))
    #expect(try request.encoded() == bytes(Self.identityHex + "\n" + Self.cookieHex))
    #expect(try identity.target.encoded() == bytes("00000007 7072696d 61727900 000186b5 00000003 00000010"))
    #expect(
      try PeerName(monName: Array("10.0.0.11".utf8)).encoded() == bytes("00000009 31302e30 2e302e31 31000000")
    )
  }

  @Test("SM_MON's result is success or failure and a state number")
  func monitorResult() throws {
    let success = try MonitorResult(results: bytes("00000000 00000005"))
    #expect(success.isSuccess)
    #expect(success.state == 5)
    let failure = try MonitorResult(results: bytes("00000001 ffffffff"))
    #expect(!failure.isSuccess)
    #expect(failure.state == -1)
    #expect(throws: XDRError.self) { try MonitorResult(results: bytes("00000002 00000005")) }
    #expect(throws: XDRError.self) { try MonitorResult(results: bytes("00000000")) }
    #expect(try StatusMonitorProgram.state(results: bytes("00000007")) == 7)
    #expect(throws: XDRError.trailing(count: 4)) {
      try StatusMonitorProgram.state(results: bytes("00000007 00000000"))
    }
  }

  @Test("M6 SM_NOTIFY carries a name and the state number")
  func notice() throws {
    let hex = bytes("0000000f 6e66732e 6578616d 706c652e 636f6d00 00000009")
    let notice = RestartNotice(monName: Array("nfs.example.com".utf8), state: 9)
    #expect(try notice.encoded() == hex)
    #expect(try RestartNotice(arguments: hex) == notice)
  }

  @Test("M7 the callback brings the name, the state number and the cookie of the SM_MON")
  func callback() throws {
    let hex = bytes("0000000b 6e66732e 6578616d 706c6500 00000009" + "\n" + Self.cookieHex)
    let callback = RestartCallback(
      monName: Array("nfs.example".utf8), state: 9, cookie: bytes(Self.cookieHex))
    #expect(try callback.encoded() == hex)
    #expect(try RestartCallback(arguments: hex) == callback)
    #expect(callback.printableMonName == "nfs.example")
    for length in 0..<hex.count {
      #expect(throws: XDRError.self) { try RestartCallback(arguments: Array(hex.prefix(length))) }
    }
  }

  @Test("names beyond SM_MAXSTRLEN and cookies of another size aren't sent")
  func limits() throws {
    let long = [UInt8](repeating: UInt8(ascii: "n"), count: 1_025)
    #expect(throws: XDRError.tooLong(length: 1_025, limit: 1_024)) { try PeerName(monName: long).encoded() }
    #expect(throws: XDRError.self) { try RestartNotice(monName: long, state: 1).encoded() }
    #expect(throws: XDRError.self) { try CallbackTarget(myName: long).encoded() }
    for count in [0, 15, 17] {
      let cookie = [UInt8](repeating: 1, count: count)
      #expect(throws: XDRError.self) { try MonitorRequest(identity: identity, cookie: cookie).encoded() }
    }
    #expect(try PeerName(monName: Array(long.dropLast())).encoded().count == 1_028)
  }
}
