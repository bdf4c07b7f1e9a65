import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("Pause (C7, R11 of the failover rules)")
struct NodePauseTests {
  private let mark = OperatorMark(actor: "root", because: "storage work", since: "2026-01-01T00:00:00Z").bytes

  @Test func aPausedClusterAdoptsNothingUntilItIsResumed() {
    var world = SmallWorld.serving()
    world.store.pause = mark
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(30))
    #expect(world.owner()?.node == "a")
    #expect(world.transitions("b").isEmpty && world.transitions("c").isEmpty)
    #expect(world.nodes["b"]?.instance.pause?.because == "storage work")
    world.store.pause = nil
    world.pass(.seconds(2))
    #expect(world.isServed(by: "b"))
  }

  @Test func everyCandidateSaysThatThePauseKeepsItFromTakingAnything() {
    var world = SmallWorld.serving()
    world.store.pause = OperatorMark(actor: "root", because: "store work", since: "").bytes
    world.pass(.seconds(1))
    world.nodes["c"]?.isDead = true
    world.pass(.seconds(5))
    let found = world.nodes["a"]?.instance.passedOver("home", now: world.now) ?? []
    #expect(found.map(\.node) == ["b", "c"])
    #expect(found.first?.reasons == ["the cluster is paused by root: store work"])
    #expect(found.last?.reasons == ["it does not beat", "the cluster is paused by root: store work"])
    // Whom an operator names may still take it.
    #expect(world.nodes["a"]?.instance.ineligible("home", now: world.now).map(\.node) == ["c"])
    world.store.pause = nil
    world.pass(.seconds(1))
    #expect(world.nodes["a"]?.instance.passedOver("home", now: world.now).map(\.node) == ["c"])
  }

  @Test func aPauseThatComesBetweenLookAndClaimStopsTheClaim() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.nodes["a"]?.isDead = true
    world.pass(.milliseconds(3500))
    let before = world.store.view(startedAt: world.now + .seconds(1))
    world.store.pause = mark
    world.now = world.now + .seconds(1)
    world.input("b") { $0.onLook(before, now: $1) }
    #expect(world.transitions("b").count == 1)
    #expect(world.transitions("b").first?.unlessPaused == true)
    world.pass(.seconds(10))
    #expect(world.owner()?.node == "a")
  }

  @Test func leasesAreRenewedAndWhatIsServedGoesOn() {
    var world = SmallWorld.serving()
    world.store.pause = mark
    let beats = world.nodes["a"]?.renewals ?? 0
    world.pass(.seconds(30))
    #expect(world.isServed(by: "a"))
    #expect(world.owner()?.epoch == 1)
    #expect((world.nodes["a"]?.renewals ?? 0) > beats + 50)
  }

  @Test func anUnwellOwnerDoesNotHandOver() {
    var world = SmallWorld.serving()
    world.store.pause = mark
    world.pass(.seconds(1))
    world.input("a") { $0.onHealth(.unhealthy(["x"]), now: $1) }
    world.pass(.seconds(20))
    #expect(world.owner()?.node == "a")
    world.input("a") { $0.onHealth(.healthy, now: $1) }
    world.pass(.seconds(3))
    #expect(world.isServed(by: "a"))
  }

  @Test func aNamedTargetIsMovedTo() {
    var world = SmallWorld.serving()
    world.store.pause = mark
    world.ask(.move(to: "c", id: "1"))
    world.pass(.seconds(4))
    #expect(world.isServed(by: "c"))
    world.ask(.ask(.offline, id: "2"))
    world.pass(.seconds(4))
    #expect(world.owner()?.state == .offline)
    world.ask(.ask(.online, id: "3"))
    world.pass(.seconds(4))
    #expect(world.isServed(by: "a"))
  }

  @Test func aForcedRequestTakesFromADeadOwnerToo() {
    var world = SmallWorld.serving()
    world.store.pause = mark
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(10))
    world.ask(.move(to: "c", forced: true, confirmed: true))
    world.pass(.seconds(3))
    #expect(world.isServed(by: "c"))
  }

  @Test func anOwnerThatReturnsTakesItsOwnUpAgain() {
    var world = SmallWorld.serving()
    world.store.pause = mark
    world.start("a", boot: "2")
    world.pass(.seconds(10))
    #expect(world.isServed(by: "a"))
    #expect(world.owner()?.epoch == 2)
  }

  @Test func whatWasOnItsWayGoesBackToWhereItWas() {
    var world = SmallWorld.serving()
    world.finishesPlans = false
    world.input("a") { $0.onHealth(.unhealthy(["x"]), now: $1) }
    world.pass(.milliseconds(500))
    #expect(world.owner()?.state == .releasing)
    world.store.pause = mark
    world.finishPlan("a")
    world.input("a") { $0.onHealth(.healthy, now: $1) }
    world.finishesPlans = true
    world.pass(.seconds(10))
    #expect(world.isServed(by: "a"))
    #expect(world.owner()?.epoch == 2)
  }

  @Test func nothingIsOpenedByItself() {
    var world = SmallWorld()
    world.store.pause = mark
    world.start("a")
    world.pass(.seconds(10))
    #expect(world.owner() == nil)
    world.store.pause = nil
    world.pass(.seconds(2))
    #expect(world.isServed(by: "a"))
  }

  @Test func aMarkThatCanNotBeReadIsAMark() {
    var world = SmallWorld.serving()
    world.store.pause = bytes("garbage")
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(20))
    #expect(world.owner()?.node == "a")
    #expect(world.nodes["b"]?.instance.pause?.text.contains("nobody knows who") == true)
  }
}
