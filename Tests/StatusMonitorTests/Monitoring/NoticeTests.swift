import ONCRPC
import StatusMonitor
import Testing

/// SM_NOTIFY: who is called back, by what the notification says and where it came from.
@Suite struct NoticeTests {
  private let far = "192.0.2.1"

  @Test("M7 the name of a notification is enough, and so is the address that it came from")
  func nameOrAddress() throws {
    for (name, source) in [("10.0.0.11", far), ("whatever", "10.0.0.11"), ("10.0.0.11", "10.0.0.11")] {
      var monitor = try MonitorUnderTest()
      monitor.monitor("10.0.0.11", cookie: 9)
      monitor.monitor("10.0.0.12", cookie: 8)
      monitor.write()
      try monitor.notify(name, from: source, state: 5)
      let callbacks = try monitor.answerCallbacks()
      #expect(
        callbacks == [
          RestartCallback(
            monName: Array("10.0.0.11".utf8), state: 5, cookie: [UInt8](repeating: 9, count: 16))
        ])
    }
  }

  @Test("names are the same in any case, and the name of the record counts as well")
  func otherNames() throws {
    let line = "0100007f 000186b5 00000003 00000010 \(String(repeating: "01", count: 16)) 10.0.0.11 server\n"
    var monitor = try MonitorUnderTest([ClientName("client1.lab"): MonitorRecord(parsing: Array(line.utf8))])
    try monitor.notify("Client1.LAB", from: far, state: 5)
    #expect(try monitor.answerCallbacks().count == 1)
    try monitor.notify("client1.lab.", from: far, state: 7)
    #expect(try monitor.answerCallbacks().count == 1)
  }

  @Test("a state that was heard before is no news, any other is")
  func sameState() throws {
    var monitor = try MonitorUnderTest()
    monitor.monitor("10.0.0.11")
    monitor.write()
    var callbacks = 0
    for (state, isNews) in [(5, true), (5, false), (3, true), (-7, true), (-7, false)] as [(Int32, Bool)] {
      try monitor.notify("10.0.0.11", from: far, state: state)
      callbacks += isNews ? 1 : 0
      #expect(try monitor.answerCallbacks().count == (isNews ? 1 : 0))
    }
    #expect(monitor.instance.figures.calledBack == UInt64(callbacks))
  }

  @Test("the name of a notification is resolved after it was answered")
  func resolvedName() throws {
    var monitor = try MonitorUnderTest()
    monitor.monitor("10.0.0.11")
    monitor.write()
    try monitor.notify("nfs.example.com", from: far, state: 5)
    #expect(monitor.sent.isEmpty)
    let lookup = try monitor.takeLookup()
    #expect(lookup.name == "nfs.example.com")
    let address = try #require(HostAddress(literal: "10.0.0.11".utf8))
    monitor.carryOut(monitor.instance.onResolved(lookup.lookup, [address], now: monitor.now))
    #expect(try monitor.answerCallbacks().map(\.state) == [5])
  }

  @Test("a monitored name is found by its addresses, also where they come to light after the notification")
  func monitoredName() throws {
    let address = try #require(HostAddress(literal: "10.0.0.11".utf8))
    for isEarly in [true, false] {
      var monitor = try MonitorUnderTest()
      monitor.monitor("nfs.example.com")
      monitor.write()
      let lookup = try monitor.takeLookup()
      #expect(lookup.name == "nfs.example.com")
      if isEarly { monitor.carryOut(monitor.instance.onResolved(lookup.lookup, [address], now: monitor.now)) }
      try monitor.notify("nfs", from: "10.0.0.11", state: 5)
      if !isEarly {
        monitor.carryOut(monitor.instance.onResolved(lookup.lookup, [address], now: monitor.now))
      }
      #expect(try monitor.answerCallbacks().map(\.state) == [5])
    }
  }

  @Test("a client that is monitored after its restart is not told of that restart")
  func afterwards() throws {
    var monitor = try MonitorUnderTest()
    monitor.monitor("10.0.0.1")
    monitor.write()
    try monitor.notify("nfs.example.com", from: "10.0.0.11", state: 5)
    monitor.pass(.seconds(1))
    monitor.monitor("10.0.0.11")
    monitor.write()
    let lookup = try #require(monitor.lookups.first { $0.name == "nfs.example.com" })
    let address = try #require(HostAddress(literal: "10.0.0.11".utf8))
    monitor.carryOut(monitor.instance.onResolved(lookup.lookup, [address], now: monitor.now))
    #expect(monitor.sent.isEmpty)
  }

  @Test("strangers' names that resolve slowly leave half of the lookups to monitored names, and are limited")
  func slowNames() throws {
    var monitor = try MonitorUnderTest()
    monitor.monitor("10.0.0.11")
    monitor.write()
    for number in 0..<10_000 { try monitor.notify("host\(number).example.com", from: far, state: 1) }
    #expect(monitor.lookups.count == 4)
    monitor.monitor("server.example.com")
    #expect(monitor.lookups.map(\.name).contains("server.example.com"))
    var resolved = 0
    while let lookup = monitor.lookups.popLast() {
      resolved += 1
      monitor.carryOut(monitor.instance.onResolved(lookup.lookup, [], now: monitor.now))
    }
    #expect(resolved < 400)
    let names = ["..", "a/b", "a b", String(repeating: "n", count: 300)]
    for name in names { try monitor.notify(name, from: far, state: 1) }
    #expect(monitor.lookups.isEmpty)
  }

  @Test("a lock manager that doesn't answer is called again, from its port of that time, until it does")
  func retry() throws {
    var monitor = try MonitorUnderTest()
    monitor.monitor("10.0.0.11")
    monitor.write()
    try monitor.notify("10.0.0.11", from: far, state: 5)
    // rpcbind doesn't answer, then knows no lock manager, then one that is silent, then another one.
    monitor.sent = []
    var asked = try monitor.nextSent()
    var none = XDRWriter()
    none.uint32(0)
    monitor.carryOut(
      monitor.instance.onDatagram(
        RPCReply(transactionID: asked.transactionID, .success(none.bytes)).message, fromPort: 111,
        now: monitor.now))
    #expect(monitor.sent.isEmpty)
    asked = try monitor.nextSent()
    var port = XDRWriter()
    port.uint32(900)
    let answer = RPCReply(transactionID: asked.transactionID, .success(port.bytes)).message
    monitor.carryOut(monitor.instance.onDatagram(answer, fromPort: 800, now: monitor.now))
    #expect(monitor.sent.isEmpty, "only rpcbind itself is believed")
    monitor.carryOut(monitor.instance.onDatagram(answer, fromPort: 111, now: monitor.now))
    #expect(monitor.sent.map(\.port) == [900])
    monitor.sent = []
    for _ in 0..<400 where monitor.sent.isEmpty { monitor.pass(.milliseconds(250)) }
    #expect(monitor.sent.map(\.port) == [111], "the lock manager may have another port by now")
    #expect(try monitor.answerCallbacks(port: 901).map(\.state) == [5])
    monitor.pass(.seconds(590))
    #expect(monitor.sent.isEmpty)
    #expect(monitor.told.contains(.calledBack(peer: "10.0.0.11", state: 5, attempts: 4)))
  }

  @Test(
    "callbacks end after all attempts, with a word to the operator, and sooner where nobody monitors any more"
  )
  func abandoned() throws {
    var monitor = try MonitorUnderTest()
    for number in 1...200 { monitor.monitor("10.0.0.\(number)", cookie: UInt8(number)) }
    monitor.write()
    for number in 1...200 { try monitor.notify("10.0.0.\(number)", from: far, state: 5) }
    monitor.call(.unmonitor(MonitorUnderTest.identity("10.0.0.1")))
    monitor.write()
    monitor.pass(.seconds(1_200))
    let abandoned = monitor.told.count { if case .callbackAbandoned = $0 { true } else { false } }
    #expect(abandoned == 199)
    #expect(monitor.sent.count < 100, "while the port is unknown nobody asks for it twice at once")
  }

  @Test("thousands of hosts at once are called back, a window at a time, each with its own cookie")
  func manyCallbacks() throws {
    var monitor = try MonitorUnderTest()
    let count = 3_000
    for number in 0..<count {
      monitor.monitor("10.1.\(number / 250).\(number % 250)", cookie: UInt8(number % 251))
    }
    monitor.write()
    for number in 0..<count {
      try monitor.notify("10.1.\(number / 250).\(number % 250)", from: far, state: 5)
    }
    #expect(monitor.sent.count <= 64)
    var cookies: [[UInt8]: UInt8] = [:]
    for callback in try monitor.answerCallbacks() { cookies[callback.monName] = callback.cookie[0] }
    #expect(cookies.count == count)
    for number in 0..<count {
      #expect(cookies[Array("10.1.\(number / 250).\(number % 250)".utf8)] == UInt8(number % 251))
    }
  }

  @Test("SM_SIMU_CRASH is heard from a privileged port of this host only")
  func simulatedCrash() throws {
    var monitor = try MonitorUnderTest()
    monitor.call(.simulateCrash)
    #expect(monitor.told == [.crashSimulated(MonitorUnderTest.loopback)])
    for (address, port) in [(0x7f00_0001, 2_000), (0x0a00_0001, 700)] as [(UInt32, UInt16)] {
      let caller = StatusMonitorCaller(address: HostAddress(ipv4: address), port: port)
      let call = monitor.call(.simulateCrash, from: caller)
      #expect(monitor.replies[call] == [])
    }
    #expect(monitor.told.count { $0 == .crashSimulated(MonitorUnderTest.loopback) } == 1)
  }
}
