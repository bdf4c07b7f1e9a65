import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("Each node says for which services it is eligible, and nobody waits for one that is not (C1)")
struct EligibilityTests {
  private static let checked: ServiceDefinition = {
    var service = ServiceDefinition.named()
    service.hasChecks = true
    return service
  }()

  /// `a` serves, and everybody's checks are well.
  private static func serving() -> SmallWorld {
    var world = SmallWorld()
    world.services = [checked]
    for node: NodeName in ["a", "b", "c"] {
      world.start(node)
      world.nodes[node]?.instance.onChecks(of: "home", problems: [])
    }
    world.pass(.seconds(5))
    return world
  }

  private static func reasons(_ world: SmallWorld, by node: NodeName) -> [NodeName: [String]] {
    let found = world.nodes[node]?.instance.ineligible("home", now: world.now) ?? []
    return Dictionary(uniqueKeysWithValues: found.map { ($0.node, $0.reasons) })
  }

  @Test func theBestCandidateThatSaysNoIsNotWaitedFor() {
    var world = Self.serving()
    world.nodes["b"]?.instance.onChecks(of: "home", problems: ["storage.check: exit status 1"])
    world.pass(.seconds(2))
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(5))
    #expect(world.isServed(by: "c"))
    #expect(world.transitions("b").isEmpty)
    let seen = Self.reasons(world, by: "c")
    #expect(seen["b"] == ["storage.check: exit status 1"])
    #expect(seen["a"] == ["it does not beat"])
    #expect(seen["c"] == nil)
  }

  @Test func checksThatHaveNotAnsweredYetAreNoYes() {
    var world = SmallWorld()
    world.services = [Self.checked]
    world.start("a")
    world.pass(.seconds(5))
    #expect(world.owner() == nil)
    #expect(
      world.nodes["a"]?.instance.whyNotCandidate("home", now: world.now) == [
        "its checks have not answered yet"
      ])
    world.nodes["a"]?.instance.onChecks(of: "home", problems: [])
    world.pass(.seconds(2))
    #expect(world.isServed(by: "a"))
  }

  /// A node that was held up for longer than a slow store explains takes nothing upon itself for a lease.
  @Test func whoseOwnLoopWasLateIsPassedOver() {
    var world = SmallWorld.serving()
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(1))
    world.nodes["b"]?.isDead = true
    world.pass(.milliseconds(2600))
    world.nodes["b"]?.isDead = false
    world.pass(.seconds(2))
    #expect(world.isServed(by: "c"))
    let said = world.nodes["b"]?.instance.eligibility(now: world.now).node
    #expect(said == ["its own loop was late by 2600ms"])
    #expect(world.nodes["b"]?.instance.timesLoopWasLate == 1)
    #expect(world.nodes["c"]?.instance.timesLoopWasLate == 0)
    world.pass(.seconds(4))
    #expect(world.nodes["b"]?.instance.eligibility(now: world.now) == Eligibility())
  }

  @Test func whoIsUnwellSaysWhyThoughItDoesNotBeat() {
    var world = SmallWorld.serving()
    world.input("b") { $0.onHealth(.unhealthy(["nfs: refused"]), now: $1) }
    world.pass(.seconds(10))
    #expect(Self.reasons(world, by: "c")["b"] == ["it does not beat", "nfs: refused"])
  }

  @Test func aReleaseGoesToTheBestThatCanTakeIt() {
    var world = Self.serving()
    world.nodes["b"]?.instance.onChecks(of: "home", problems: ["no disk"])
    world.pass(.seconds(1))
    world.input("a") { $0.onHealth(.unhealthy(["nfs: refused"]), now: $1) }
    world.pass(.seconds(3))
    #expect(world.isServed(by: "c"))
  }

  @Test func aRequestToACandidateThatCanNotTakeItIsRefused() {
    var world = Self.serving()
    world.nodes["b"]?.instance.onChecks(of: "home", problems: ["no disk"])
    world.pass(.seconds(1))
    world.ask(.move(to: "b"))
    world.pass(.seconds(6))
    #expect(world.isServed(by: "a"))
    #expect(world.store.problem("home") == "b can't take it: no disk; nothing was released")
  }

  @Test func nobodyWaitsForAnHeirThatHasBecomeIneligible() {
    var world = Self.serving()
    world.ask(.move(to: "b"))
    world.pass(until: { $0.activity("a") == .plan(.release) })
    world.nodes["b"]?.instance.onChecks(of: "home", problems: ["no disk"])
    world.pass(until: { $0.owner()?.state == .released })
    world.pass(.seconds(2))
    #expect(world.isServed(by: "c"))
  }
}
