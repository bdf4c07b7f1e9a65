import StatusMonitor
import Testing

/// B1: what happens to SM_MON when the record must reach the shared store, too.
@Suite struct MirroringTests {
  @Test("B1 the answer waits for the store", arguments: [StatusMonitorInstance.Mirroring.grant, .refuse])
  func waits(mirroring: StatusMonitorInstance.Mirroring) throws {
    var monitor = try MonitorUnderTest(mirroring: mirroring)
    let call = monitor.monitor("10.0.0.11")
    #expect(monitor.mirrorings.isEmpty, "the store is asked when the file is there")
    monitor.write()
    #expect(monitor.replies[call] == nil)
    let ticket = try monitor.takeMirroring()
    monitor.carryOut(monitor.instance.onMirrored(ticket, .done, now: monitor.now))
    #expect(try monitor.result(call).isSuccess)
    #expect(monitor.instance.figures.grantedUnmirrored == 0)
  }

  @Test("B1 refuse: no lock without the store, neither when it fails nor when it is slow")
  func refuses() throws {
    var monitor = try MonitorUnderTest(mirroring: .refuse)
    let failing = monitor.monitor("10.0.0.11")
    monitor.write()
    var ticket = try monitor.takeMirroring()
    monitor.carryOut(monitor.instance.onMirrored(ticket, .failed("away"), now: monitor.now))
    #expect(try monitor.result(failing) == MonitorResult(isSuccess: false, state: -1))
    let slow = monitor.monitor("10.0.0.11")
    monitor.write()
    ticket = try monitor.takeMirroring()
    monitor.pass(.seconds(3))
    #expect(try !monitor.result(slow).isSuccess)
    monitor.carryOut(monitor.instance.onMirrored(ticket, .done, now: monitor.now))
    let third = monitor.monitor("10.0.0.11")
    monitor.write()
    ticket = try monitor.takeMirroring()
    monitor.carryOut(monitor.instance.onMirrored(ticket, .done, now: monitor.now))
    #expect(try monitor.result(third).isSuccess)
    #expect(monitor.instance.figures.refused == 2)
  }

  @Test("B1 refuse: a record of an earlier life is no proof that the store has it; the store is asked once")
  func earlierLife() throws {
    var earlier = try MonitorUnderTest()
    earlier.monitor("10.0.0.11")
    earlier.write()
    var monitor = try MonitorUnderTest(earlier.files, mirroring: .refuse)
    let first = monitor.monitor("10.0.0.11")
    monitor.write()
    #expect(monitor.replies[first] == nil)
    var ticket = try monitor.takeMirroring()
    monitor.carryOut(monitor.instance.onMirrored(ticket, .failed("away"), now: monitor.now))
    #expect(try !monitor.result(first).isSuccess)
    let second = monitor.monitor("10.0.0.11")
    monitor.write()
    ticket = try monitor.takeMirroring()
    monitor.carryOut(monitor.instance.onMirrored(ticket, .done, now: monitor.now))
    #expect(try monitor.result(second).isSuccess)
    // From now on it is known.
    let third = monitor.monitor("10.0.0.11")
    monitor.write()
    #expect(try monitor.result(third).isSuccess)
    #expect(monitor.mirrorings.isEmpty)
    // Another cookie is another record.
    let fourth = monitor.monitor("10.0.0.11", cookie: 2)
    monitor.write()
    #expect(monitor.replies[fourth] == nil)
    #expect(monitor.mirrorings.count == 1)
  }

  @Test(
    "B1 grant: the first lock waits for the limit, the others don't wait for a store that is away, all are told"
  )
  func grants() throws {
    var monitor = try MonitorUnderTest(mirroring: .grant)
    let first = monitor.monitor("10.0.0.11")
    monitor.write()
    #expect(monitor.replies[first] == nil)
    monitor.pass(.seconds(3))
    #expect(try monitor.result(first).isSuccess)
    let second = monitor.monitor("10.0.0.12")
    monitor.write()
    #expect(try monitor.result(second).isSuccess)
    #expect(monitor.instance.figures.grantedUnmirrored == 2)
    #expect(monitor.told.contains { if case .grantedUnmirrored = $0 { true } else { false } })
    // The store is asked all the same, and the next client waits again as soon as it has answered.
    let ticket = try monitor.takeMirroring()
    monitor.carryOut(monitor.instance.onMirrored(ticket, .done, now: monitor.now))
    #expect(monitor.told.contains(.mirrorsAgain(unmirrored: 2)))
    let third = monitor.monitor("10.0.0.13")
    monitor.write()
    #expect(monitor.replies[third] == nil)
  }

  @Test("the daemon hears of departures before the record goes, and of restarts, but not where there is none")
  func news() throws {
    for mirroring in [StatusMonitorInstance.Mirroring.none, .grant] {
      var monitor = try MonitorUnderTest(mirroring: mirroring)
      monitor.monitor("10.0.0.11")
      monitor.write()
      if mirroring == .grant {
        let ticket = try monitor.takeMirroring()
        monitor.carryOut(monitor.instance.onMirrored(ticket, .done, now: monitor.now))
      }
      try monitor.notify("nobody", from: "192.0.2.1", state: 3)
      monitor.call(.unmonitor(MonitorUnderTest.identity("10.0.0.11")))
      let source = try #require(HostAddress(literal: "192.0.2.1".utf8))
      #expect(
        monitor.reported
          == (mirroring == .none
            ? []
            : [
              .restarted(name: Array("nobody".utf8), source: source, state: 3),
              .departed(MonitorUnderTest.identity("10.0.0.11")),
            ]))
    }
  }
}
