import Testing

@testable import Cluster
@testable import ClusterSimulator

/// A node that misses a few beats, on a busy machine or a slow store, is neither alive nor dead yet.
@Suite("A request waits until it is known whether a node lives (M10, T6)")
struct LateTargetTests {
  /// `late` has stood still for two seconds, half of its lease.
  private static func world(late: NodeName, services: [ServiceDefinition] = [.named()]) -> SmallWorld {
    var world = SmallWorld.serving(services: services)
    world.nodes[late]?.isDead = true
    world.pass(.seconds(2))
    #expect(world.nodes["a"]?.instance.isUndecided(late) == true || late == "a")
    return world
  }

  @Test func aTargetThatBeatsAgainGetsTheService() {
    var world = Self.world(late: "b")
    world.ask(.move(to: "b"))
    world.pass(.seconds(1))
    #expect(world.store.requests["home"] != nil && world.isServed(by: "a"))
    world.nodes["b"]?.isDead = false
    // It says first that its own loop was late, for a lease.
    world.pass(.seconds(9))
    #expect(world.isServed(by: "b"))
    #expect(world.store.problem("home") == nil)
  }

  @Test func aTargetThatIsDeadIsRefusedAsSoonAsThatIsKnown() {
    var world = Self.world(late: "b")
    world.ask(.move(to: "b"))
    let askedAt = world.now
    world.pass(until: { $0.store.requests["home"] == nil }, "it has ended")
    #expect(world.now - askedAt <= .seconds(3))
    #expect(world.store.problem("home") == "b does not beat; nothing was released")
    #expect(world.isServed(by: "a") && world.owner()?.epoch == 1)
  }

  @Test func aTargetThatGoesBackAndForthIsNotWaitedForForEver() {
    var service = ServiceDefinition.named()
    service.hasChecks = true
    var world = SmallWorld()
    world.services = [service]
    for node: NodeName in ["a", "b", "c"] {
      world.start(node)
      world.nodes[node]?.instance.onChecks(of: "home", problems: node == "b" ? ["no disk"] : [])
    }
    world.pass(.seconds(5))
    world.ask(.move(to: "b"))
    let askedAt = world.now
    // Whenever it beats, what it says of itself could change soon.
    for _ in 0..<20 where world.store.requests["home"] != nil {
      world.nodes["b"]?.isDead = true
      world.pass(.seconds(3))
      world.nodes["b"]?.isDead = false
      world.pass(.milliseconds(500))
    }
    #expect(world.store.requests["home"] == nil)
    #expect(world.store.problem("home")?.hasSuffix("; nothing was released") == true)
    #expect((.seconds(11)...(.seconds(16))).contains(world.now - askedAt))
    let owner = world.owner()
    #expect(owner == Ownership(node: "a", epoch: 1, state: .online, boot: "a-1"))
  }

  @Test func aFailbackWaitsForItsHome() {
    var world = SmallWorld.serving()
    world.ask(.move(to: "b"))
    world.pass(.seconds(4))
    #expect(world.isServed(by: "b"))
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(2))
    world.ask(.ask(.failback, id: "m-2"))
    world.pass(.seconds(1))
    #expect(world.store.requests["home"] != nil)
    world.nodes["a"]?.isDead = false
    world.pass(.seconds(10))
    #expect(world.isServed(by: "a"))
  }

  @Test func atTheDoorALateTargetOrOwnerIsNoReasonToRefuse() {
    func refusal(_ world: SmallWorld, _ node: NodeName, _ request: ServiceRequest) -> RequestRefusal? {
      world.nodes[node]?.instance.whyNotAsk(request, of: "home", now: world.now)
    }
    var target = Self.world(late: "b")
    #expect(refusal(target, "a", .move(to: "b")) == nil)
    #expect(refusal(target, "c", .move(to: "b")) == nil)
    target.pass(.seconds(3))
    #expect(refusal(target, "a", .move(to: "b"))?.message == "b does not beat: it could not adopt home")
    var owner = Self.world(late: "a")
    #expect(refusal(owner, "b", .move(to: "c")) == nil)
    // Whoever takes it by force says how the owner was stopped, late or dead.
    #expect(refusal(owner, "b", .move(to: "c", forced: true))?.kind == .unsafe)
    owner.witnesses["a"] = .seen("its address")
    owner.pass(.seconds(3))
    #expect(refusal(owner, "b", .move(to: "c"))?.kind == .unsafe)
  }

  /// The owner, late when it was asked, is dead: whoever adopts the service carries the request out.
  @Test func whatALateOwnerWasAskedIsDoneByWhoeverAdopts() {
    var world = Self.world(late: "a")
    world.ask(.move(to: "c"))
    world.pass(until: { $0.store.requests["home"] == nil }, "it has ended")
    #expect(world.isServed(by: "c"))
    #expect(world.store.problem("home") == nil)
  }

  @Test func aDrainIsNotOverWhileTheOnlyOtherCandidateIsLate() throws {
    var world = Self.world(late: "b", services: [.named(candidates: ["a", "b"])])
    world.store.drains["a"] = OperatorMark(actor: "root", because: "", since: "").bytes
    world.pass(.milliseconds(500))
    let move = try #require(world.nodes["a"]?.instance.drainMoves(of: "a").first)
    #expect(move.to == "b")
    #expect(move.why.hasSuffix("it waits until it is known whether b lives"))
    var dead = world
    dead.pass(.seconds(3))
    #expect(dead.nodes["a"]?.instance.drainMoves(of: "a").map(\.why) == ["b does not beat"])
    world.nodes["b"]?.isDead = false
    world.pass(.seconds(10))
    #expect(world.isServed(by: "b"))
  }
}
