import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("Open, online, offline, close (T2, T3, T4, C7)")
struct NodeServiceStateTests {
  /// All requests have ended.
  private func settle(_ world: inout SmallWorld, _ service: ServiceName = "home") {
    world.pass(until: { $0.store.requests[service] == nil }, "the requests end")
    world.pass(.seconds(1))
  }

  @Test func offlineReleasesAndNobodyAdoptsUntilOnline() {
    var world = SmallWorld.serving()
    world.ask(.ask(.offline, id: "1"))
    settle(&world)
    #expect(world.owner() == Ownership(node: "a", epoch: 1, state: .offline, boot: "a-1"))
    #expect(world.store.ended["home"] == [.init(id: "1")])
    world.pass(.seconds(20))
    for node: NodeName in ["a", "b", "c"] { #expect(world.activity(node) == NodeInstance.Activity.none) }
    // Not even when who had it is gone, or everybody starts anew.
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(20))
    for node: NodeName in ["a", "b", "c"] { world.start(node, boot: "2", run: "r2") }
    world.pass(.seconds(20))
    #expect(world.owner()?.state == .offline)
    world.ask(.ask(.online, id: "2"))
    settle(&world)
    #expect(world.isServed(by: "a"))
    #expect(world.owner()?.epoch == 2)
    #expect(world.store.ended["home"] == [.init(id: "1"), .init(id: "2")])
  }

  @Test func onlineGoesHomeAndElsewhereOnlyWhereTheHomeCanNot() {
    var world = SmallWorld.serving(services: [.named(candidates: ["c", "b", "a"])])
    world.ask(.ask(.offline, id: "1"))
    settle(&world)
    world.ask(.ask(.online, id: "2"))
    settle(&world)
    #expect(world.isServed(by: "a"))
    world.ask(.ask(.offline, id: "3"))
    settle(&world)
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(6))
    world.ask(.ask(.online, id: "4"))
    settle(&world)
    #expect(world.isServed(by: "c"))
  }

  @Test func onlineWithNobodyToTakeItWaits() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.ask(.ask(.offline, id: "1"))
    settle(&world)
    for node: NodeName in ["a", "b"] { world.nodes[node]?.isDead = true }
    world.ask(.ask(.online, id: "2"))
    world.pass(.seconds(20))
    #expect(world.store.queue("home").requests.map(\.id) == ["2"])
    world.start("b", boot: "2")
    settle(&world)
    #expect(world.isServed(by: "b"))
  }

  @Test func offlineWhileTheOwnerIsDeadNeedsNobodysReleaseAndKeepsTheFenceOwed() throws {
    var world = SmallWorld.serving(services: [.named(hasFence: true)])
    let beat = world.store.beats["a"]
    world.nodes["a"]?.isDead = true
    world.ask(.ask(.offline, id: "1"))
    world.pass(.seconds(2))
    // Its lease is not over.
    #expect(world.owner()?.node == "a")
    settle(&world)
    #expect(world.owner()?.state == .offline)
    #expect(world.owner()?.unfenced == ["a"])
    let shelving = try #require(world.transitions("b").first)
    #expect(shelving.silentBeat == Transition.SilentBeat(node: "a", bytes: beat))
    #expect(shelving.plan.steps.allSatisfy { $0.isSkipped || $0.kind == .finish })
    _ = world.takeDirectives("b")
    world.ask(.ask(.online, id: "2"))
    settle(&world)
    #expect(world.isServed(by: "b"))
    let fence = try #require(world.transitions("b").first?.plan.steps.first)
    #expect(fence.kind == .fence && !fence.isSkipped)
    #expect(world.owner()?.unfenced == [])
  }

  @Test(
    "An owner that comes back while its service is to be offline does not serve it", arguments: ["1", "2"])
  func returns(boot: String) {
    var world = SmallWorld.serving(nodes: ["a"])
    world.nodes["a"]?.isDead = true
    world.ask(.ask(.offline))
    world.pass(.seconds(1))
    world.start("a", boot: boot, run: "r2")
    settle(&world)
    #expect(world.owner()?.state == .offline)
    if boot == "2" {
      #expect(
        world.nodes["a"]?.directives.contains {
          if case .run(let plan) = $0 { plan.kind == .adoption } else { false }
        } == false)
    }
  }

  @Test func aServiceThatWasNeverServedCanBeKeptOfflineOrOpenedElsewhere() {
    var world = SmallWorld()
    world.ask(.ask(.offline, id: "1"))
    world.start("a")
    world.pass(.seconds(10))
    #expect(world.owner() == Ownership(node: "a", epoch: 1, state: .offline, boot: "a-1"))
    var other = SmallWorld()
    other.start("b")
    other.pass(.seconds(10))
    #expect(other.owner() == nil)
    other.ask(.ask(.open, id: "1"))
    other.pass(.seconds(3))
    #expect(other.isServed(by: "b"))
    #expect(other.store.ended["home"] == [.init(id: "1")])
  }

  @Test func whatIsClosedStaysSoUntilItIsOpenedAndItsEpochGoesOn() {
    var world = SmallWorld.serving()
    world.ask(.ask(.close(forgets: true), id: "1"))
    settle(&world)
    #expect(world.owner() == Ownership(node: "a", epoch: 2, state: .closed, boot: "a-1"))
    for node: NodeName in ["a", "b", "c"] { world.start(node, boot: "2", run: "r2") }
    world.ask(.ask(.online, id: "2"))
    world.ask(.move(to: "b", id: "3"))
    settle(&world)
    #expect(world.owner()?.state == .closed)
    #expect(
      world.store.ended["home"]?.map(\.problem) == [
        nil, "home is closed: `lockferry service open home` opens it",
        "home is closed: `lockferry service open home` opens it",
      ])
    world.ask(.ask(.open, id: "4"))
    settle(&world)
    #expect(world.isServed(by: "a"))
    #expect(world.owner()?.epoch == 3)
  }

  @Test func closingForgetsOnlyIfAskedAlsoLater() throws {
    var world = SmallWorld.serving(nodes: ["a"])
    world.ask(.ask(.close(forgets: false), id: "1"))
    settle(&world)
    func forgets() -> Bool? {
      world.transitions("a").last?.plan.steps.first.map { $0.kind == .forget && !$0.isSkipped }
    }
    #expect(forgets() == false)
    world.ask(.ask(.close(forgets: true), id: "2"))
    settle(&world)
    #expect(forgets() == true)
    world.ask(.ask(.close(forgets: false), id: "3"))
    settle(&world)
    #expect(world.store.ended["home"] == ["1", "2", "3"].map { .init(id: $0) })
    #expect(world.owner()?.state == .closed)
  }

  @Test("What is so already ends at once, what makes no sense with the reason")
  func endsWithoutPlan() {
    var world = SmallWorld.serving()
    world.ask(.ask(.online, id: "1"))
    world.ask(.ask(.failback, id: "2"))
    world.ask(.ask(.open, id: "3"))
    settle(&world)
    #expect(world.owner()?.epoch == 1)
    #expect(world.store.ended["home"]?.map(\.problem) == [nil, nil, "home is open already, on a"])
    world.ask(.ask(.offline, id: "4"))
    world.ask(.ask(.offline, id: "5"))
    world.ask(.ask(.failback, id: "6"))
    settle(&world)
    #expect(
      world.store.ended["home"]?.suffix(3).map(\.problem) == [
        nil, nil, "home is offline: `lockferry service online home` serves it again",
      ])
  }

  @Test func whoShelvesAndDiesIsFollowedByTheNext() {
    var world = SmallWorld.serving()
    world.nodes["a"]?.isDead = true
    world.finishesPlans = false
    world.ask(.ask(.offline))
    world.pass(until: { $0.owner()?.node == "b" }, "b takes it offline")
    world.nodes["b"]?.isDead = true
    world.finishesPlans = true
    settle(&world)
    #expect(world.owner()?.node == "c")
    #expect(world.owner()?.state == .offline)
  }

  @Test func theDoorSaysWhatTheQueueWouldSay() {
    var world = SmallWorld.serving()
    func refusal(_ action: ServiceRequest.Action) -> RequestRefusal.Kind? {
      world.nodes["b"]?.instance.whyNotAsk(.ask(action), of: "home", now: world.now)?.kind
    }
    #expect(refusal(.migrate(to: "d")) == .noSuchObject)
    #expect(refusal(.migrate(to: "a")) == .preconditionFailed)
    #expect(refusal(.failback) == .preconditionFailed)
    #expect(refusal(.online) == .preconditionFailed)
    #expect(refusal(.open) == .preconditionFailed)
    #expect(refusal(.migrate(to: "c")) == nil)
    #expect(refusal(.offline) == nil)
    world.ask(.ask(.offline))
    world.finishesPlans = false
    world.pass(.seconds(1))
    // Its turn comes after another: who knows what is so then.
    #expect(refusal(.online) == nil)
    #expect(refusal(.migrate(to: "d")) == .noSuchObject)
    world.finishesPlans = true
    settle(&world)
    #expect(refusal(.online) == nil)
    #expect(refusal(.offline) == .preconditionFailed)
    #expect(refusal(.migrate(to: "c")) == .preconditionFailed)
    #expect(refusal(.close(forgets: false)) == nil)
  }
}
