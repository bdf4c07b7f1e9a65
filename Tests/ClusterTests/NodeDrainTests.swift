import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("Drain and failback (T6, R10 of the failover rules)")
struct NodeDrainTests {
  private let mark = OperatorMark(actor: "root", because: "new disks", since: "2026-01-01T00:00:00Z").bytes

  private func threeServices() -> SmallWorld {
    .serving(services: [
      .named("home"), .named("logs", candidates: ["a", "c"]),
      .named("work", home: "b", candidates: ["b", "a"]),
    ])
  }

  @Test func everythingLeavesADrainedNodeOneAfterTheOtherAndNothingComesBack() {
    var world = threeServices()
    world.store.drains["a"] = mark
    world.finishesPlans = false
    world.pass(.seconds(3))
    // The second waits for the first to be online elsewhere.
    #expect(world.owner("home")?.state == .releasing)
    #expect(world.owner("logs")?.state == .online)
    world.finishPlan("a")
    world.pass(.seconds(3))
    #expect(world.owner("home") == Ownership(node: "b", epoch: 2, state: .adopting, boot: "b-1"))
    #expect(world.owner("logs")?.state == .online)
    world.finishesPlans = true
    world.pass(.seconds(5))
    #expect(world.isServed(by: "b", "home"))
    #expect(world.isServed(by: "c", "logs"))
    #expect(world.isServed(by: "b", "work"))
    // Not even when the others fail.
    for node: NodeName in ["b", "c"] { world.nodes[node]?.isDead = true }
    world.pass(.seconds(20))
    #expect(["home", "logs", "work"].allSatisfy { world.owner($0)?.node != "a" })
    world.store.drains["a"] = nil
    world.pass(.seconds(5))
    #expect(world.isServed(by: "a", "work"))
  }

  @Test func whatHasNoOtherCandidateStaysAndSaysWhy() {
    var world = SmallWorld.serving(services: [.named("home"), .named("solo", candidates: ["a"])])
    world.nodes["c"]?.isDead = true
    world.pass(.seconds(3))
    let moves = world.nodes["b"]?.instance.drainMoves(of: "a")
    #expect(moves?.map(\.to) == ["b", nil])
    #expect(moves?.last?.why == "it has no other candidate")
    world.store.drains["a"] = mark
    world.pass(.seconds(10))
    #expect(world.isServed(by: "b", "home"))
    #expect(world.isServed(by: "a", "solo"))
    world.store.drains["b"] = mark
    world.pass(.seconds(5))
    #expect(world.isServed(by: "b", "home"))
    #expect(
      world.nodes["b"]?.instance.drainMoves(of: "b").first?.why
        == "a is drained by root since 2026-01-01T00:00:00Z: new disks; `lockferry node undrain a` ends that; "
        + "c does not beat")
  }

  @Test func aDrainThatComesBetweenLookAndClaimStopsTheClaim() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.nodes["a"]?.isDead = true
    world.pass(.milliseconds(3500))
    let before = world.store.view(startedAt: world.now + .seconds(1))
    world.store.drains["b"] = mark
    world.now = world.now + .seconds(1)
    world.input("b") { $0.onLook(before, now: $1) }
    #expect(world.transitions("b").first?.unlessDrained == true)
    world.pass(.seconds(10))
    #expect(world.owner()?.node == "a")
  }

  @Test func aHeirThatIsDrainedMeanwhileIsNotWaitedFor() {
    var world = SmallWorld.serving()
    world.finishesPlans = false
    world.ask(.move(to: "b"))
    world.pass(.milliseconds(500))
    world.store.drains["b"] = mark
    world.finishPlan("a")
    world.finishesPlans = true
    world.pass(.seconds(3))
    #expect(world.isServed(by: "c"))
    #expect(world.store.problem("home")?.hasPrefix("b is drained by root") == true)
  }

  @Test func aDrainedNodeThatRebootsTakesItsOwnUpAndThenLetsItGo() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.store.drains["a"] = mark
    world.nodes["b"]?.isDead = true
    world.start("a", boot: "2")
    world.pass(.seconds(10))
    #expect(world.isServed(by: "a"))
    world.start("b", boot: "2")
    world.pass(.seconds(10))
    #expect(world.isServed(by: "b"))
  }

  @Test func aPausedClusterIsNotDrained() {
    var world = SmallWorld.serving()
    world.store.pause = mark
    world.store.drains["a"] = mark
    world.pass(.seconds(10))
    #expect(world.isServed(by: "a"))
    world.store.pause = nil
    world.pass(.seconds(4))
    #expect(world.isServed(by: "b"))
  }

  // MARK: - Failback

  private func failedOver(_ failback: FailbackPolicy) -> SmallWorld {
    var definition = ServiceDefinition.named()
    definition.failback = failback
    var world = SmallWorld.serving(services: [definition])
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(8))
    #expect(world.isServed(by: "b"))
    world.start("a", boot: "2")
    return world
  }

  @Test func failbackIsManualByDefault() {
    var world = failedOver(.manual)
    world.pass(.seconds(120))
    #expect(world.isServed(by: "b"))
    world.ask(.ask(.failback))
    world.pass(.seconds(4))
    #expect(world.isServed(by: "a"))
    #expect(world.store.ended["home"] == [.init(id: "m-1")])
  }

  @Test func automaticFailbackWaitsForAStretchOfGoodHealth() {
    var world = failedOver(.automatic(after: .seconds(20)))
    world.pass(.seconds(15))
    // A break: the stretch begins anew.
    world.nodes["a"]?.isCut = true
    world.pass(.seconds(3))
    world.nodes["a"]?.isCut = false
    world.pass(.seconds(17))
    #expect(world.isServed(by: "b"))
    world.pass(.seconds(10))
    #expect(world.isServed(by: "a"))
    #expect(world.owner()?.epoch == 3)
    world.pass(.seconds(60))
    #expect(world.owner()?.epoch == 3)
  }

  @Test func automaticFailbackNeitherDuringAPauseNorToADrainedHomeNorBesideAnotherMove() {
    var world = failedOver(.automatic(after: .seconds(5)))
    world.store.pause = mark
    world.pass(.seconds(20))
    #expect(world.isServed(by: "b"))
    world.store.drains["a"] = mark
    world.store.pause = nil
    world.pass(.seconds(20))
    #expect(world.isServed(by: "b"))
    world.store.drains["a"] = nil
    world.pass(.seconds(10))
    #expect(world.isServed(by: "a"))
  }

  // MARK: - States and counts

  @Test func nodesAndServicesSayWhatTheyDoAndCountIt() {
    var world = SmallWorld.serving(services: [
      .named("home"), .named("work", home: "b", candidates: ["b", "a"]),
    ])
    func mode(_ node: NodeName) -> NodeMode? { world.nodes[node]?.instance.mode(now: world.now) }
    func mode(_ node: NodeName, _ service: ServiceName) -> ServiceMode? {
      world.nodes[node]?.instance.mode(of: service)
    }
    #expect(mode("a") == .online && mode("b") == .online && mode("c") == .online)
    #expect(mode("a", "home") == .online && mode("a", "work") == .offline)
    world.ask(.move(to: "a"), "work")
    world.pass(.seconds(4))
    #expect(mode("a") == .failover)
    #expect(mode("a", "work") == .failover)
    #expect(mode("b", "work") == .offline)
    #expect(world.nodes["a"]?.instance.transitions(of: "work").all == 1)
    #expect(world.nodes["b"]?.instance.transitions(of: "work").all == 2)
    world.store.drains["b"] = mark
    world.pass(.seconds(2))
    #expect(mode("b") == .offline)
    world.start("d")
    #expect(mode("d") == .unknown)
  }
}
