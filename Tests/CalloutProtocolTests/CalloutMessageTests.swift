import CalloutProtocol
import Testing

@Suite("Messages between callout and daemon (M2)")
struct CalloutMessageTests {
  private func names(_ monName: String, _ myName: String) throws -> CalloutRequest.Names {
    try CalloutRequest.Names(monName: Array(monName.utf8), myName: Array(myName.utf8))
  }

  private func requests() throws -> [CalloutRequest] {
    [
      .addClient(try names("10.0.0.11", "primary")), .deleteClient(try names("client.example.com", "")),
      .restart(
        try .init(
          monName: Array("client".utf8), source: Array("10.0.0.11".utf8), state: 5, at: 1_795_000_000)),
      .restart(try .init(monName: [255, 1], source: [], state: nil, at: 0)),
      .restart(try .init(monName: [32], source: [], state: .max, at: .max)), .ping,
    ]
  }

  @Test func everyRequestIsReadAsItWasWritten() throws {
    for request in try requests() { #expect(try CalloutRequest(request.bytes) == request) }
  }

  @Test func aRequestHasTheseBytes() throws {
    #expect(
      CalloutRequest.addClient(try names("ab", "c")).bytes
        == Array("LFCO".utf8) + [1, 1, 0, 7, 0, 2, 97, 98, 0, 1, 99])
    #expect(CalloutReply(.durable).bytes == Array("LFCO".utf8) + [1, 1, 0, 0])
  }

  @Test func theLongestNamesFit() throws {
    let name = [UInt8](repeating: 120, count: 1024)
    for request: CalloutRequest in [
      .addClient(try .init(monName: name, myName: name)),
      .restart(try .init(monName: name, source: name, state: 3, at: .max)),
    ] {
      #expect(request.bytes.count <= CalloutFrame.headerLength + CalloutFrame.longestBody)
      #expect(try CalloutRequest(request.bytes) == request)
    }
    for bad in [[], name + [120], [120, 0]] {
      #expect(throws: CalloutProtocolError.name) {
        try CalloutRequest.Names(monName: bad, myName: [])
      }
    }
    #expect(throws: CalloutProtocolError.number) {
      try CalloutRequest.Restart(monName: name, source: [], state: -2, at: 0)
    }
  }

  /// A length field that promises more or less than there is, at every place.
  @Test func cutAndProlongedMessagesAreRefused() throws {
    for request in try requests() {
      for count in 0..<request.bytes.count {
        #expect(throws: CalloutProtocolError.self) { try CalloutRequest(Array(request.bytes.prefix(count))) }
      }
      #expect(throws: CalloutProtocolError.trailing) { try CalloutRequest(request.bytes + [0]) }
    }
    // The body is as long as it says, and its fields are not.
    var short = CalloutRequest.addClient(try names("ab", "c")).bytes
    short[9] = 1
    #expect(throws: CalloutProtocolError.self) { try CalloutRequest(short) }
  }

  @Test func foreignBytesAreRefused() throws {
    let ping = CalloutRequest.ping.bytes
    #expect(throws: CalloutProtocolError.foreign) { try CalloutRequest(Array("GET / HTTP/1.1".utf8)) }
    var other = ping
    other[4] = 2
    #expect(throws: CalloutProtocolError.version(2)) { try CalloutRequest(other) }
    other = ping
    other[5] = 77
    #expect(throws: CalloutProtocolError.kind(77)) { try CalloutRequest(other) }
    other[6] = 255
    #expect(throws: CalloutProtocolError.tooLong) { try CalloutFrame.header(other) }
    let state =
      Array("LFCO".utf8) + [1, 3, 0, 17, 0, 1, 97, 0, 0, 128, 0, 0, 0] + [UInt8](repeating: 0, count: 8)
    #expect(throws: CalloutProtocolError.number) { try CalloutRequest(state) }
  }

  /// Whatever arrives, reading it ends, and what it takes for a message is one.
  @Test func arbitraryBytesAreReadOrRefused() {
    var numbers = SystemRandomNumberGenerator()
    var read = 0
    for _ in 0..<20_000 {
      var bytes = Array("LFCO".utf8) + [1, UInt8.random(in: 0...5, using: &numbers)]
      let body = (0..<Int.random(in: 0...40, using: &numbers)).map { _ in
        UInt8.random(in: 0...3, using: &numbers)
      }
      bytes += [0, UInt8(body.count)] + body
      guard let request = try? CalloutRequest(bytes) else { continue }
      read += 1
      #expect(request.bytes == bytes)
    }
    #expect(read > 0)
  }

  @Test func everyReplyIsReadAsItWasWritten() throws {
    for outcome: CalloutReply.Outcome in [.durable, .heard, .nothingOwned, .notDurable, .refused] {
      let reply = CalloutReply(outcome, "the store does not answer: größer")
      #expect(try CalloutReply(reply.bytes) == reply)
    }
    let long = CalloutReply(.notDurable, String(repeating: "ä", count: 600))
    #expect(long.text.utf8.count == 512)
    #expect(try CalloutReply(long.bytes) == long)
    #expect(throws: CalloutProtocolError.kind(9)) {
      try CalloutReply(Array("LFCO".utf8) + [1, 9, 0, 0])
    }
    #expect(throws: CalloutProtocolError.text) {
      try CalloutReply(Array("LFCO".utf8) + [1, 1, 0, 1, 255])
    }
  }

  @Test func settingsAreReadAsTheyWereWritten() {
    #expect(CalloutSettings(CalloutSettings.standard.bytes) == .standard)
    #expect(CalloutSettings(limitMilliseconds: 1_000_000).limitMilliseconds == 30_000)
    for text in ["", "limit-ms \n", "limit-ms 9\n", "limit-ms 2000", "limit-ms 20x0\n", "limit-ms 99999\n"] {
      #expect(CalloutSettings(Array(text.utf8)) == nil)
    }
  }

  @Test func whatStatdSaidLastOfAClientTakesThePlaceInTheSpool() throws {
    let added = try #require(CalloutSpoolName.of(.addClient(names("10.0.0.11", "primary"))))
    #expect(added == CalloutSpoolName.of(.deleteClient(try names("10.0.0.11", "primary"))))
    #expect(added != CalloutSpoolName.of(.addClient(try names("10.0.0.12", "primary"))))
    #expect(CalloutSpoolName.of(.ping) == nil)
    #expect(added.count == "client-".count + 16)
  }
}
