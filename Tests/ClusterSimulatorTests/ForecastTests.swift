import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("What would happen (T6, C5, C7)")
struct ForecastTests {
  private func forecast(_ events: String..., fence: Bool = true, until: Duration = .seconds(60)) throws
    -> Forecast
  {
    var shape = ClusterShape.plain
    shape.nodes = ["a", "b", "c"].compactMap(NodeName.init)
    shape.addService("home", ["a", "b", "c"] + (fence ? ["fence"] : []))
    shape.addClients(2)
    shape.mirror.gracePeriod = .seconds(5)
    var schedule = Schedule(shape: shape, until: until)
    schedule.faults = try events.map { try Fault(parsing: $0, in: shape) }
    return Forecast.run(schedule)
  }

  @Test func aFailoverLeavesTheHistoryThatARealOneLeaves() throws {
    let forecast = try forecast("power-cut a at 20s")
    #expect(forecast.entries.map(\.kind) == ["opening", "adoption"])
    let adoption = try #require(forecast.entries.last)
    #expect(adoption.number == 2 && adoption.outcome == "done" && adoption.epoch == 2)
    #expect(adoption.plan?.from == "a" && adoption.plan?.to == "b")
    #expect(adoption.because.hasPrefix("a missed "))
    #expect(
      adoption.steps.compactMap(\.kind)
        == [.fence, .storage, .records, .state, .server, .address, .notify, .verify])
    #expect(adoption.clients.count == 2 && adoption.clients.values.allSatisfy { $0 != nil })
    // Steps come one after the other.
    for (step, next) in zip(adoption.steps, adoption.steps.dropFirst()) {
      #expect(step.startedAt + step.milliseconds <= next.startedAt)
    }
    let home = try #require(forecast.services.first)
    #expect(home.isServed && home.ownership?.node.text == "b")
    #expect((3_000...10_000).contains(home.unserved))
    #expect(forecast.violation == nil)
  }

  @Test func whatNobodyCanTakeIsStranded() throws {
    let forecast = try forecast("sick b at 10s", "sick c at 10s", "power-cut a at 20s", until: .seconds(40))
    #expect(forecast.entries.map(\.kind) == ["opening"])
    #expect(forecast.moments.contains { $0.text.contains("home is stranded") })
    #expect(forecast.services.first?.isServed == false)
    #expect((forecast.services.first?.unserved ?? 0) > 15_000)
  }

  @Test func aFailedAdoptionAndTheNextOneAreBothThere() throws {
    let forecast = try forecast("step-fails b storage 5x at 15s", "power-cut a at 20s")
    #expect(forecast.entries.map(\.kind) == ["opening", "adoption", "release", "adoption"])
    #expect(forecast.entries.map(\.outcome) == ["done", "failed", "done", "done"])
    #expect(forecast.entries.last?.plan?.node == "c")
  }

  @Test func aRequestThatCannotBeCarriedOutEndsWithoutAPlan() throws {
    let forecast = try forecast("power-cut b at 10s", "migrate home to b at 20s", until: .seconds(40))
    let request = try #require(forecast.entries.last)
    #expect(request.kind == "request" && request.outcome == "failed")
    #expect(request.problem?.contains("b does not beat") == true)
  }

  @Test func theSameSeedForecastsTheSame() throws {
    #expect(try forecast("power-cut a at 20s") == forecast("power-cut a at 20s"))
  }
}
