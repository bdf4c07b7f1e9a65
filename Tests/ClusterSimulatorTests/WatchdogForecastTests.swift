import Testing

@testable import Cluster
@testable import ClusterSimulator

/// The watchdog, overload and votes of a node file, foretold (C2, C3, C6, M10).
@Suite("What would happen to watched daemons and overloaded nodes")
struct WatchdogForecastTests {
  private func shape() -> ClusterShape {
    var shape = ClusterShape.plain
    shape.nodes = ["a", "b", "c"].compactMap(NodeName.init)
    shape.addService("home", ["a", "b", "c", "fence"])
    shape.addClients(2)
    shape.mirror.gracePeriod = .seconds(5)
    shape.watchdog = [.init(name: "statd", role: .statusMonitor), .init(name: "nfsd", role: .server)]
    shape.overload = .init(hold: .seconds(20), interval: .seconds(5), reportLasts: .seconds(20))
    return shape
  }

  private func forecast(_ events: String..., in shape: ClusterShape, until: Duration = .seconds(120)) throws
    -> Forecast
  {
    var schedule = Schedule(shape: shape, until: until)
    schedule.faults = try events.map { try Fault(parsing: $0, in: shape) }
    return Forecast.run(schedule, after: .seconds(20))
  }

  private func owner(_ forecast: Forecast) -> String? { forecast.services.first?.ownership?.node.text }

  @Test func aDaemonThatDiesIsRestartedAndNothingMoves() throws {
    let forecast = try forecast("daemon-dies statd on a at 10s", in: shape())
    #expect(forecast.moments.contains { $0.text == "a: statd is dead and is restarted" })
    #expect(forecast.entries.isEmpty)
    #expect(owner(forecast) == "a" && forecast.violation == nil)
  }

  @Test func oneThatStaysDeadSendsTheServicesAway() throws {
    let forecast = try forecast("daemon-stays-dead statd on a at 10s", in: shape())
    #expect(forecast.entries.map(\.kind) == ["release", "adoption"])
    let because = forecast.entries.first?.because ?? ""
    #expect(
      because.hasPrefix("a was reported unhealthy by watchdog: statd: its restart did not help"), "\(because)"
    )
    #expect(owner(forecast) == "b" && forecast.violation == nil)
  }

  @Test func oneThatDiesAgainSoonIsNotRestartedAgain() throws {
    let forecast = try forecast(
      "daemon-dies statd on a at 10s", "daemon-dies statd on a at 30s", in: shape())
    #expect(forecast.moments.count { $0.text.hasSuffix("statd is dead and is restarted") } == 1)
    #expect(forecast.entries.first?.because.contains("it died again within 10m of its restart") == true)
    #expect(owner(forecast) == "b")
  }

  /// The report ends with what it is about, so the node is a candidate again.
  @Test func whatIsMendedIsACandidateAgain() throws {
    let forecast = try forecast(
      "daemon-stays-dead statd on a at 10s for 60s", "failback home at 100s", in: shape())
    #expect(forecast.moments.contains { $0.text == "a takes its report back" })
    #expect(forecast.entries.map(\.kind) == ["release", "adoption", "release", "adoption"])
    #expect(owner(forecast) == "a" && forecast.violation == nil)
  }

  /// A restart of nfsd is one of which no client is told: that is what the node file asks for, and the forecast says it.
  @Test func aRestartedServerCostsLocksAndTheForecastSaysSo() throws {
    var shape = shape()
    shape.probeFailures = nil
    let forecast = try forecast("daemon-dies nfsd on a at 10s", in: shape)
    #expect(forecast.moments.contains { $0.text.hasPrefix("clients reach home on a again, after ") })
    #expect(forecast.violation == nil)
    #expect(owner(forecast) == "a")
  }

  @Test func whoIsOverloadedForLongGivesAwayAndTakesNothing() throws {
    let forecast = try forecast("overload a at 10s", in: shape())
    #expect(forecast.entries.map(\.kind) == ["release", "adoption"])
    #expect(forecast.entries.first?.because == "a was reported overloaded by overload: it has too much to do")
    #expect((30_000...45_000).contains(forecast.entries.first?.startedAt ?? 0))
    #expect(owner(forecast) == "b" && forecast.violation == nil)
    let short = try self.forecast("overload a at 10s for 15s", in: shape())
    #expect(short.entries.isEmpty)
    let heir = try self.forecast("overload b at 10s", "power-cut a at 60s", in: shape())
    #expect(owner(heir) == "c")
  }

  @Test func aVoteIsForetoldByPriorities() throws {
    var shape = shape()
    shape.services[0].election = .vote
    for (node, priority) in zip(shape.nodes, [100, 50, 200]) {
      shape.priorities[node] = [shape.services[0].name: priority]
    }
    let forecast = try forecast("power-cut a at 10s", in: shape)
    #expect(owner(forecast) == "c" && forecast.violation == nil)
  }
}
