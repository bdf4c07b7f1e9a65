import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("What fails at one candidate cascades to the next (C5)")
struct CascadeTests {
  /// `a` is dead, `b` runs its adoption.
  private static func adopting(by node: NodeName = "b", services: [ServiceDefinition] = [.named()])
    -> SmallWorld
  {
    var world = SmallWorld.serving(services: services)
    world.nodes["a"]?.isDead = true
    world.finishesPlans = false
    world.pass(until: { $0.activity(node) == .plan(.adoption) })
    return world
  }

  /// The step of `node`'s plan fails until the plan has to end; nil where it never has to.
  private static func fail(
    _ world: inout SmallWorld, _ node: NodeName, _ step: PlanStep.Kind, times: Int,
    _ service: ServiceName = "home"
  ) -> Bool {
    for failures in 1...times {
      let now = world.now
      if world.nodes[node]?.instance.onStepFailed(service, step, failures: failures, now: now) == true {
        world.endPlan(node, .handOn("\(step.rawValue): exit status 1"), of: service)
        return true
      }
      world.pass(.milliseconds(500))
    }
    return false
  }

  @Test func afterThreeFailuresTheNextCandidateTakesIt() throws {
    var world = Self.adopting()
    let epoch = try #require(world.owner()?.epoch)
    #expect(Self.fail(&world, "b", .storage, times: 3))
    let ownership = try #require(world.owner())
    #expect(ownership.state == .releasing && ownership.epoch == epoch)
    #expect(ownership.reservedFor == "c" && ownership.tried == ["b"])
    let plan = try #require(world.nodes["b"]?.plan)
    #expect(plan.steps.map(\.kind) == [.address, .mirror, .server, .storage, .finish])
    #expect(plan.steps.filter(\.isSkipped).map(\.kind) == [.mirror])
    world.finishesPlans = true
    world.pass(.seconds(3))
    #expect(world.isServed(by: "c"))
    #expect(world.owner()?.tried == [])
    #expect(world.owner()?.epoch == epoch + 1)
  }

  @Test(
    "What another candidate could not do better stays here",
    arguments: [PlanStep.Kind.fence, .state, .notify])
  func staysHere(step: PlanStep.Kind) {
    var world = Self.adopting()
    #expect(!Self.fail(&world, "b", step, times: 20))
  }

  @Test func withoutAnotherCandidateItIsTriedOnAndShownAsStranded() {
    var world = Self.adopting(services: [.named(candidates: ["a", "b"])])
    #expect(!Self.fail(&world, "b", .storage, times: 20))
    let why = world.nodes["b"]?.instance.whyStranded("home", now: world.now)
    #expect(why == "storage fails on b, and no other candidate can take it now (a: it does not beat)")
    // c is no candidate, and shows it all the same.
    #expect(world.nodes["c"]?.instance.whyStranded("home", now: world.now) == why)
    world.nodes["b"]?.instance.onStepDone("home")
    #expect(world.nodes["b"]?.instance.whyStranded("home", now: world.now) == nil)
    world.pass(.seconds(1))
    #expect(world.nodes["c"]?.instance.whyStranded("home", now: world.now) == nil)
  }

  @Test func itDoesNotBounceBetweenTwoThatCanNot() {
    var world = Self.adopting()
    #expect(Self.fail(&world, "b", .storage, times: 3))
    world.pass(.seconds(1))
    world.finishPlan("b")
    world.pass(until: { $0.activity("c") == .plan(.adoption) })
    #expect(world.owner()?.tried == ["b"])
    // Everybody has tried: c goes on for the time of rest.
    #expect(!Self.fail(&world, "c", .storage, times: 20))
    world.pass(.seconds(300))
    #expect(Self.fail(&world, "c", .storage, times: 3))
    #expect(world.owner()?.reservedFor == "b")
    #expect(world.owner()?.tried == ["c"])
  }

  @Test func theReleaseAfterwardsNeverGivesUp() {
    var world = Self.adopting()
    #expect(Self.fail(&world, "b", .verify, times: 3))
    guard let plan = world.nodes["b"]?.plan else { return #expect(Bool(false), "no plan") }
    #expect(plan.steps.filter(\.isSkipped).isEmpty)
    var progress = PlanProgress(plan: plan)
    for _ in 0..<20 { #expect(progress.onStepFailed() != .giveUp) }
  }

  @Test func whoeverDiesBeforeTakingItLeavesItToThoseThatHaveTried() {
    var world = Self.adopting()
    #expect(Self.fail(&world, "b", .storage, times: 3))
    world.nodes["c"]?.isDead = true
    world.finishesPlans = true
    world.pass(.seconds(8))
    #expect(world.isServed(by: "b"))
  }

  @Test func aTransitionWithoutAnAnswerIsFollowedUp() {
    var world = Self.adopting()
    world.nodes["b"]?.losesTransitions = true
    #expect(Self.fail(&world, "b", .storage, times: 3))
    #expect(world.owner()?.state == .releasing)
    #expect(world.activity("b") == .handingOn)
    world.nodes["b"]?.losesTransitions = false
    world.finishesPlans = true
    world.pass(.seconds(5))
    #expect(world.isServed(by: "c"))
  }

  @Test func whenTheOtherIsGoneMeanwhileTheAdoptionGoesOnHere() {
    var world = Self.adopting()
    world.nodes["b"]?.isReadOnly = true
    #expect(Self.fail(&world, "b", .storage, times: 3))
    #expect(world.owner()?.state == .adopting)
    world.nodes["c"]?.isDead = true
    world.nodes["b"]?.isReadOnly = false
    world.nodes["b"]?.instance.onEligibility(of: "c", Eligibility(node: ["unwell"]))
    world.eligibility["c"] = Eligibility(node: ["unwell"])
    world.pass(.seconds(1))
    #expect(world.activity("b") == .plan(.adoption))
    world.finishesPlans = true
    world.pass(.seconds(2))
    #expect(world.isServed(by: "b"))
  }

  @Test func aRequestToWhoCanNotDoesNotCallItBack() throws {
    var world = SmallWorld.serving()
    world.finishesPlans = false
    world.ask(.move(to: "b"))
    world.pass(until: { $0.activity("a") == .plan(.release) })
    world.finishPlan("a")
    world.pass(until: { $0.activity("b") == .plan(.adoption) })
    #expect(Self.fail(&world, "b", .storage, times: 3))
    #expect(world.store.problem("home") == "b could not adopt it: storage: exit status 1")
    world.finishesPlans = true
    world.pass(.seconds(10))
    // Best first: a is a candidate at which it has not failed.
    #expect(world.isServed(by: "a"))
    #expect(world.nodes["b"]?.plan == nil)
  }

  /// A candidate takes what it can serve.
  @Test func eachServiceCascadesByItself() {
    var world = Self.adopting(services: [.named("home"), .named("logs")])
    world.pass(until: { $0.activity("b", "logs") == .plan(.adoption) })
    #expect(Self.fail(&world, "b", .storage, times: 3, "logs"))
    world.finishesPlans = true
    world.pass(.seconds(3))
    #expect(world.isServed(by: "b", "home"))
    #expect(world.isServed(by: "c", "logs"))
  }

  @Test func whatNobodyCanTakeIsStrandedUntilSomebodyCan() throws {
    var world = SmallWorld.serving()
    for node: NodeName in ["b", "c"] { world.input(node) { $0.onHealth(.unhealthy(["sick"]), now: $1) } }
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(10))
    let why = try #require(world.nodes["c"]?.instance.whyStranded("home", now: world.now))
    #expect(
      why == "its owner a does not beat, and no candidate can take it (b: it does not beat, sick; c: sick)")
    world.input("c") { $0.onHealth(.healthy, now: $1) }
    world.pass(.seconds(2))
    #expect(world.isServed(by: "c"))
    #expect(world.nodes["c"]?.instance.whyStranded("home", now: world.now) == nil)
  }
}
