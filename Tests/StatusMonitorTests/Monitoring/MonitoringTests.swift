import ONCRPC
import StatusMonitor
import Testing

/// B1: SM_MON, SM_UNMON and SM_UNMON_ALL: what is answered, and when.
@Suite struct MonitoringTests {
  @Test("B1 SM_MON is answered when the record is on the disk, and not before")
  func answeredWhenDurable() throws {
    var monitor = try MonitorUnderTest()
    let call = monitor.monitor("10.0.0.11")
    #expect(monitor.replies[call] == nil)
    monitor.write()
    let result = try monitor.result(call)
    #expect(result.isSuccess)
    #expect(result.state == 7)
    let record = try #require(monitor.files[ClientName("10.0.0.11")])
    #expect(
      String(decoding: record.bytes, as: UTF8.self)
        == "0100007f 000186b5 00000003 00000010 01010101010101010101010101010101 10.0.0.11 server\n")
  }

  @Test(
    "a second SM_MON with the same cookie waits for the first one's record; a later one has it looked for")
  func duplicate() throws {
    var monitor = try MonitorUnderTest()
    let first = monitor.monitor("10.0.0.11")
    let second = monitor.monitor("10.0.0.11")
    #expect(monitor.changes.count == 1)
    #expect(monitor.replies.isEmpty)
    monitor.write()
    #expect(try monitor.result(first).isSuccess)
    #expect(try monitor.result(second).isSuccess)
    let files = monitor.files
    for _ in 0..<2 {
      let later = monitor.monitor("10.0.0.11")
      #expect(monitor.changes.flatMap(\.changes).map(\.isCheck) == [true])
      #expect(monitor.replies[later] == nil)
      monitor.write()
      #expect(try monitor.result(later).isSuccess)
      #expect(monitor.files == files)
      // sm-notify has taken it.
      monitor.files = [:]
    }
  }

  @Test("another cookie replaces the line, also while the first one is being written")
  func changedCookie() throws {
    var monitor = try MonitorUnderTest()
    let first = monitor.monitor("10.0.0.11", cookie: 1)
    let second = monitor.monitor("10.0.0.11", cookie: 2)
    monitor.write()
    #expect(try monitor.result(first).isSuccess)
    #expect(try monitor.result(second).isSuccess)
    monitor.monitor("10.0.0.11", cookie: 3)
    monitor.write()
    let lines = try #require(monitor.files[ClientName("10.0.0.11")]).monitorLines
    #expect(lines.map(\.cookie) == [[UInt8](repeating: 3, count: 16)])
  }

  @Test("lines that somebody else put into the record stay")
  func foreignLines() throws {
    var monitor = try MonitorUnderTest()
    let client = try ClientName("10.0.0.11")
    let foreign = "0100007f 000186b5 00000003 00000010 \(String(repeating: "a", count: 32)) 10.0.0.11 other\n"
    monitor.files[client] = MonitorRecord(parsing: Array(foreign.utf8))
    monitor.monitor("10.0.0.11")
    monitor.write()
    #expect(monitor.files[client]?.monitorLines.map(\.myName) == ["other", "server"])
    monitor.call(.unmonitor(MonitorUnderTest.identity("10.0.0.11")))
    monitor.write()
    #expect(monitor.files[client]?.bytes == Array(foreign.utf8))
  }

  @Test("what statd wrote under a client's host name goes on under that name")
  func takenOver() throws {
    let client = try ClientName("client1.lab")
    let line = "0100007f 000186b5 00000003 00000010 \(String(repeating: "01", count: 16)) 10.0.0.11 server\n"
    var monitor = try MonitorUnderTest([client: MonitorRecord(parsing: Array(line.utf8))])
    let same = monitor.monitor("10.0.0.11", cookie: 1)
    #expect(monitor.changes.flatMap(\.changes).map(\.isCheck) == [true])
    monitor.write()
    #expect(try monitor.result(same).isSuccess)
    monitor.monitor("10.0.0.11", cookie: 2)
    monitor.write()
    #expect(monitor.files.keys.map(\.text) == ["client1.lab"])
    monitor.call(.unmonitor(MonitorUnderTest.identity("10.0.0.11")))
    monitor.write()
    #expect(monitor.files.isEmpty)
  }

  @Test("SM_UNMON is answered with the state number when the record is gone, and also where there was none")
  func unmonitor() throws {
    var monitor = try MonitorUnderTest()
    monitor.monitor("10.0.0.11")
    monitor.monitor("10.0.0.11", as: "other")
    monitor.write()
    let call = monitor.call(.unmonitor(MonitorUnderTest.identity("10.0.0.11")))
    #expect(monitor.replies[call] == nil)
    monitor.write()
    #expect(try StatusMonitorProgram.state(results: #require(monitor.replies[call])) == 7)
    #expect(try monitor.files[ClientName("10.0.0.11")]?.monitorLines.map(\.myName) == ["other"])
    let again = monitor.call(.unmonitor(MonitorUnderTest.identity("10.0.0.11")))
    #expect(try StatusMonitorProgram.state(results: #require(monitor.replies[again])) == 7)
  }

  @Test("SM_UNMON_ALL forgets what this target asked for, and nothing else")
  func unmonitorAll() throws {
    var monitor = try MonitorUnderTest()
    for number in 1...20 { monitor.monitor("10.0.0.\(number)") }
    monitor.monitor("10.0.0.1", as: "other")
    monitor.write()
    let call = monitor.call(.unmonitorAll(CallbackTarget(myName: Array("server".utf8))))
    monitor.write()
    #expect(try StatusMonitorProgram.state(results: #require(monitor.replies[call])) == 7)
    #expect(monitor.files.values.flatMap(\.monitorLines).map(\.myName) == ["other"])
    #expect(monitor.instance.monitoredHosts == 1)
  }

  @Test("only this host may ask, and only for the lock manager")
  func callers() throws {
    var monitor = try MonitorUnderTest()
    let stranger = StatusMonitorCaller(address: HostAddress(ipv4: 0x0a00_0001), port: 700)
    let remote = monitor.call(.monitor(MonitorUnderTest.request("10.0.0.11")), from: stranger)
    #expect(try monitor.result(remote) == MonitorResult(isSuccess: false, state: -1))
    for (program, procedure) in [(100_021, 17), (100_003, 16)] as [(UInt32, UInt32)] {
      var request = MonitorUnderTest.request("10.0.0.11")
      request.identity.target.program = program
      request.identity.target.procedure = procedure
      let call = monitor.call(.monitor(request))
      #expect(try !monitor.result(call).isSuccess)
    }
    var bsd = MonitorUnderTest.request("10.0.0.11")
    bsd.identity.target.procedure = 24
    monitor.call(.monitor(bsd))
    monitor.write()
    #expect(monitor.files.count == 1)
    monitor.call(.unmonitor(bsd.identity), from: stranger)
    monitor.call(.unmonitorAll(bsd.identity.target), from: stranger)
    monitor.write()
    #expect(monitor.files.count == 1)
    let status = monitor.call(.status(PeerName(monName: Array("10.0.0.11".utf8))))
    #expect(try monitor.result(status) == MonitorResult(isSuccess: false, state: -1))
  }

  @Test(
    "no name leaves the directory, and what can't be read back isn't written",
    arguments: [
      "", ".", "..", "../10.0.0.11", "/etc/passwd", ".hidden", "a b", "a\nb", "a\u{0}b", "host.new",
      "h\u{f6}st",
      String(repeating: "n", count: 256),
    ])
  func names(name: String) throws {
    var monitor = try MonitorUnderTest()
    let call = monitor.monitor(name)
    #expect(try !monitor.result(call).isSuccess)
    #expect(monitor.changes.isEmpty)
    let myName = monitor.monitor("10.0.0.11", as: "server\nx")
    #expect(try !monitor.result(myName).isSuccess)
  }

  @Test("more hosts, lock managers or waiting calls than the limits are refused")
  func limits() throws {
    var limits = MonitoringLimits()
    (limits.hosts, limits.linesPerHost, limits.waitingCalls) = (3, 2, 4)
    var monitor = try MonitorUnderTest(limits: limits)
    for number in 1...3 { monitor.monitor("10.0.0.\(number)") }
    monitor.write()
    let fourth = monitor.monitor("10.0.0.4")
    #expect(try !monitor.result(fourth).isSuccess)
    monitor.monitor("10.0.0.1", as: "b")
    monitor.write()
    let third = monitor.monitor("10.0.0.1", as: "c")
    #expect(try !monitor.result(third).isSuccess)
    for cookie in 2...5 { monitor.monitor("10.0.0.\((cookie - 2) % 3 + 1)", cookie: UInt8(cookie)) }
    monitor.monitor("10.0.0.2", as: "b")
    let waiting = monitor.monitor("10.0.0.3", as: "b")
    #expect(try !monitor.result(waiting).isSuccess)
    monitor.write()
    #expect(monitor.files.count == 3)
  }

  @Test("B1 a disk that fails or hangs means no lock, and the next try writes again")
  func diskFails() throws {
    var monitor = try MonitorUnderTest()
    let failing = monitor.monitor("10.0.0.11")
    monitor.carryOut(
      monitor.instance.onWritten(monitor.changes.removeFirst().ticket, .failed("no room"), now: .zero))
    #expect(try !monitor.result(failing).isSuccess)
    let hanging = monitor.monitor("10.0.0.11")
    #expect(monitor.changes.count == 1)
    monitor.pass(.seconds(4))
    #expect(monitor.replies[hanging] == nil)
    monitor.pass(.seconds(2))
    #expect(try !monitor.result(hanging).isSuccess)
    monitor.write()
    let third = monitor.monitor("10.0.0.11")
    monitor.write()
    #expect(try monitor.result(third).isSuccess)
    #expect(monitor.instance.figures.refused == 2)
  }
}
