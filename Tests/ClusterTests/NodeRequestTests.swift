import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("Requests (M10, C7)")
struct NodeRequestTests {
  @Test func theOwnerReleasesTheTargetAdoptsAndTheRequestIsGone() throws {
    var world = SmallWorld.serving()
    world.finishesPlans = false
    world.ask(.move(to: "c"))
    world.pass(.milliseconds(500))
    let release = try #require(world.nodes["a"]?.plan)
    #expect(release.kind == .release)
    #expect(release.to == "c")
    #expect(release.request == "m-1")
    #expect(release.because == "asked by root: test")
    #expect(
      world.owner() == Ownership(node: "a", epoch: 1, state: .releasing, boot: "a-1", reservedFor: "c"))
    world.pass(.seconds(10))
    #expect(world.transitions("b").isEmpty && world.transitions("c").isEmpty)
    world.finishPlan("a")
    world.pass(.seconds(1))
    // b is the better candidate, and holds back.
    let claim = try #require(world.transitions("c").first)
    #expect(world.transitions("b").isEmpty)
    #expect(claim.silentBeat == nil)
    #expect(claim.plan.request == "m-1")
    #expect(claim.plan.steps.first == .skipped(.fence, "a released it"))
    #expect(world.owner() == Ownership(node: "c", epoch: 2, state: .adopting, boot: "c-1"))
    #expect(world.store.requests["home"] != nil)
    world.finishPlan("c")
    #expect(world.isServed(by: "c"))
    #expect(world.store.requests["home"] == nil)
    #expect(world.store.ended["home"] == [SimulatedStore.EndedRequest(id: "m-1")])
    world.finishesPlans = true
    world.pass(.seconds(10))
    #expect(world.isServed(by: "c"))
    #expect(world.owner()?.epoch == 2)
  }

  @Test(
    "What can't be done is refused with the reason, and nothing is released",
    arguments: [
      ("a", "a owns it already"),
      ("d", "d is not a candidate of home in a's node file; nothing was released"),
      ("c", "c does not beat; nothing was released"),
      ("b", "the node files of a and b differ: beats.lease, home; nothing was released"),
    ] as [(NodeName, String)])
  func refused(target: NodeName, problem: String) {
    var world = SmallWorld.serving()
    world.nodes["c"]?.isDead = true
    world.nodes["a"]?.instance.onDefinitions(of: "b", disagreements: ["home": ["beats.lease", "home"]])
    world.pass(.seconds(3))
    _ = world.takeDirectives("a")
    world.ask(.move(to: target))
    world.pass(.seconds(10))
    #expect(world.store.problem("home") == problem)
    // It ends once.
    #expect(world.store.requests["home"] == nil)
    #expect(world.store.ended["home"]?.count == 1)
    #expect(world.takeDirectives("a").count == 1)
    #expect(world.isServed(by: "a"))
    #expect(world.owner()?.epoch == 1)
  }

  @Test func aForcedRequestToALivingOwnerIsAnOrdinaryRelease() throws {
    var world = SmallWorld.serving(services: [.named(hasFence: true)])
    world.ask(.move(to: "b", forced: true, confirmed: true))
    world.pass(.seconds(3))
    #expect(world.isServed(by: "b"))
    #expect(world.transitions("a").first?.ownership.state == .releasing)
    #expect(world.transitions("b").first?.plan.steps.first == .skipped(.fence, "a released it"))
  }

  @Test(
    "A forced order does not wait for a lease, but for a fence or the operator's word",
    arguments: [(true, false), (false, true), (true, true), (false, false)])
  func forced(hasFence: Bool, confirmed: Bool) throws {
    var world = SmallWorld.serving(services: [.named(hasFence: hasFence)])
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(2))
    let beat = world.store.beats["a"]
    world.ask(.move(to: "c", forced: true, confirmed: confirmed))
    world.pass(.seconds(1))
    guard hasFence || confirmed else {
      #expect(world.owner()?.node == "a")
      return
    }
    #expect(world.isServed(by: "c"))
    let claim = try #require(world.transitions("c").first)
    #expect(claim.silentBeat == Transition.SilentBeat(node: "a", bytes: beat))
    #expect(claim.plan.request == "m-1")
    let fence = try #require(claim.plan.steps.first)
    #expect(fence.kind == .fence)
    #expect(fence.isSkipped == confirmed)
    if confirmed { #expect(fence.why == "the operator confirmed that a is off") }
    #expect(world.store.requests["home"] == nil)
  }

  @Test func aForcedRequestWithoutFenceDoesNotKeepTheServiceFromBeingAdopted() {
    var world = SmallWorld.serving()
    world.ask(.move(to: "b", forced: true))
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(8))
    #expect(world.isServed(by: "b"))
  }

  @Test func aForcedRequestIsGuardedThoughTheOldOwnersBeatWasDeleted() throws {
    var world = SmallWorld.serving(services: [.named(hasFence: true)])
    world.nodes["a"]?.isDead = true
    world.store.beats["a"] = nil
    world.ask(.move(to: "b", forced: true))
    world.pass(.seconds(1))
    let claim = try #require(world.transitions("b").first)
    #expect(claim.silentBeat == Transition.SilentBeat(node: "a", bytes: nil))
  }

  @Test func anAdoptionByAnotherDoesNotAnswerTheRequest() {
    // The owner dies before it can release: the best candidate adopts, and then the order is carried out.
    var world = SmallWorld.serving()
    world.nodes["a"]?.isDead = true
    world.ask(.move(to: "c"))
    world.pass(.seconds(6))
    #expect(world.isServed(by: "c"))
    #expect(world.store.requests["home"] == nil)
    #expect(world.store.ownerHistory["home"]?.map(\.node).contains("b") == true)
    #expect(world.owner()?.epoch == 3)
  }

  @Test func takingUpItsOwnDoesNotAnswerTheRequestEither() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    for node: NodeName in ["a", "b"] { world.nodes[node]?.isCut = true }
    world.ask(.move(to: "b"))
    world.pass(.seconds(10))
    for node: NodeName in ["a", "b"] { world.nodes[node]?.isCut = false }
    world.pass(.seconds(5))
    #expect(world.isServed(by: "b"))
    #expect(world.owner()?.epoch == 3)
  }

  @Test func aHeirThatDiesIsReplacedByTheNext() {
    var world = SmallWorld.serving()
    world.finishesPlans = false
    world.ask(.move(to: "c"))
    world.pass(.milliseconds(500))
    world.nodes["c"]?.isDead = true
    world.finishPlan("a")
    world.finishesPlans = true
    world.pass(.seconds(3))
    #expect(world.owner()?.state == .released)
    world.pass(.seconds(4))
    #expect(world.isServed(by: "b"))
    #expect(world.store.problem("home") == "c does not beat; nothing was released")
  }

  @Test func aHeirThatStoppedOnPurposeIsReplacedAtOnce() throws {
    var world = SmallWorld.serving()
    world.finishesPlans = false
    world.ask(.move(to: "c"))
    world.pass(.milliseconds(500))
    let goodbye = world.nodes["c"]?.instance.onStop()
    #expect(world.store.renew("c", try #require(goodbye)) == .renewed)
    world.nodes["c"]?.isDead = true
    world.finishPlan("a")
    world.finishesPlans = true
    world.pass(.seconds(2))
    #expect(world.isServed(by: "b"))
  }

  @Test func requestsForThatAndThisServiceDoNotMix() {
    var world = SmallWorld.serving(services: [.named("one"), .named("home"), .named("two")])
    world.ask(.move(to: "b", id: "m-1"), "one")
    world.ask(.move(to: "c", id: "m-2"), "two")
    world.pass(.seconds(4))
    #expect(world.isServed(by: "b", "one"))
    #expect(world.isServed(by: "a", "home"))
    #expect(world.isServed(by: "c", "two"))
    #expect(world.store.requests.isEmpty)
  }

  @Test func anUnreadableQueueIsLeftAlone() {
    var world = SmallWorld.serving()
    world.store.requests["home"] = bytes("force: true\nto: b\n")
    world.pass(.seconds(10))
    #expect(world.isServed(by: "a"))
    #expect(world.takeDirectives("a") == [])
  }

  @Test func requestsRunOneAfterTheOtherEachOnceInTheOrderOfTheirAsking() {
    var world = SmallWorld.serving()
    world.finishesPlans = false
    world.ask(.move(to: "b", id: "m-1"))
    world.ask(.move(to: "c", id: "m-2"))
    world.ask(.ask(.failback, id: "m-3"))
    world.pass(.milliseconds(500))
    #expect(world.nodes["a"]?.plan?.request == "m-1")
    world.finishesPlans = true
    world.pass(until: { $0.store.requests["home"] == nil }, "all have ended")
    #expect(world.isServed(by: "a"))
    #expect(world.store.ended["home"] == ["m-1", "m-2", "m-3"].map { SimulatedStore.EndedRequest(id: $0) })
    // One owner after the other, and none twice.
    let adoptions = world.store.ownerHistory["home"]?.filter { $0.state == .adopting } ?? []
    #expect(adoptions.map(\.node) == ["a", "b", "c", "a"])
  }

  @Test func theQueueSurvivesARestartOfEveryNode() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.ask(.move(to: "b", id: "m-1"))
    world.ask(.move(to: "a", id: "m-2"))
    for node: NodeName in ["a", "b"] { world.start(node, boot: "2", run: "r2") }
    world.pass(until: { $0.store.requests["home"] == nil }, "all have ended")
    world.pass(.seconds(3))
    #expect(world.isServed(by: "a"))
    #expect(world.store.ended["home"] == ["m-1", "m-2"].map { SimulatedStore.EndedRequest(id: $0) })
  }

  @Test func aRequestThatCanNotBeCarriedOutLetsTheNextOneRun() {
    var world = SmallWorld.serving()
    world.nodes["b"]?.isDead = true
    world.pass(.seconds(3))
    world.ask(.move(to: "b", id: "m-1"))
    world.ask(.move(to: "c", id: "m-2"))
    world.pass(until: { $0.store.requests["home"] == nil }, "both have ended")
    #expect(world.isServed(by: "c"))
    #expect(world.store.ended["home"]?.map(\.id) == ["m-1", "m-2"])
    #expect(world.store.ended["home"]?.first?.problem == "b does not beat; nothing was released")
    #expect(world.store.problem("home") == nil)
  }

  @Test func anEndWhoseAnswerIsLostIsNotRepeated() {
    var world = SmallWorld.serving(nodes: ["a"])
    world.nodes["a"]?.losesAnswers = true
    world.ask(.move(to: "b"))
    world.pass(.seconds(2))
    world.nodes["a"]?.losesAnswers = false
    world.pass(.seconds(2))
    #expect(world.store.ended["home"]?.count == 1)
  }

  // MARK: - Taking back

  @Test func whatWaitsCanBeTakenBackAndWhatIsUnderWayCanNot() {
    var world = SmallWorld.serving()
    world.finishesPlans = false
    world.ask(.move(to: "b", id: "m-1"))
    world.ask(.move(to: "c", id: "m-2"))
    #expect(world.store.queue("home").whyNotCancel("m-1", world.owner()) == nil, "nobody has begun yet")
    world.pass(.milliseconds(500))
    #expect(world.nodes["a"]?.plan?.request == "m-1")
    let queue = world.store.queue("home")
    #expect(
      queue.whyNotCancel("m-1", world.owner())
        == "its turn has come, and the service is releasing: wait for the end")
    #expect(queue.whyNotCancel("m-2", world.owner()) == nil)
    #expect(queue.whyNotCancel("m-9", world.owner()) == "no request m-9 waits: see `lockferry history`")
    for request in queue.requests where request.id == "m-2" {
      world.store.end(
        RequestEnd(
          service: "home", request: request, owner: world.store.owners["home"], outcome: .cancelled("by root")
        ))
    }
    world.finishesPlans = true
    world.pass(until: { $0.store.requests["home"] == nil })
    world.pass(.seconds(5))
    #expect(world.isServed(by: "b"))
    #expect(
      world.store.ended["home"] == [.init(id: "m-2", problem: "by root"), .init(id: "m-1")], "each once")
  }

  /// The owner has seen a request that was taken back before it could begin.
  @Test func whatWasTakenBackIsNotCarriedOut() throws {
    var world = SmallWorld.serving()
    world.ask(.move(to: "b"))
    let transition = try #require(
      world.look("a", world.store.view(startedAt: world.now + .seconds(1))).first)
    #expect(transition.plan.request == "m-1")
    let request = try #require(world.store.queue("home").first)
    world.store.end(
      RequestEnd(
        service: "home", request: request, owner: world.store.owners["home"], outcome: .cancelled("by root")))
    #expect(world.store.make(transition) == .conflict)
    world.input("a") { $0.onTransition(transition, .conflict, now: $1) }
    world.pass(.seconds(5))
    #expect(world.isServed(by: "a"))
    #expect(world.owner()?.epoch == 1)
    #expect(world.store.ended["home"]?.count == 1)
  }
}
