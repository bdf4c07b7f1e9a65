import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("Missed beats lead to an adoption, a store's trouble does not (M8, C2, C4, B5)")
struct NodeAdoptionTests {
  @Test func theBestLivingCandidateAdoptsWithinFiveSeconds() throws {
    var world = SmallWorld.serving()
    let (owner, beat) = (world.store.owners["home"], world.store.beats["a"])
    world.nodes["a"]?.isDead = true
    world.finishesPlans = false
    let diedAt = world.now
    world.pass(until: { $0.owner()?.node == "b" }, "adopted")
    #expect(world.now - diedAt <= .seconds(5))
    #expect(world.now - diedAt >= .seconds(4))
    #expect(
      world.owner() == Ownership(node: "b", epoch: 2, state: .adopting, boot: "b-1", automatic: [0]))
    let claim = try #require(world.transitions("b").first)
    #expect(claim.expected == owner)
    #expect(claim.silentBeat == Transition.SilentBeat(node: "a", bytes: beat))
    #expect(claim.plan.because == "a missed 8 beats")
    #expect(claim.plan.from == "a")
    #expect(claim.plan.request == nil)
    #expect(world.transitions("c").isEmpty)
    #expect(world.nodes["b"]?.plan == claim.plan)
    world.finishPlan("b")
    #expect(world.isServed(by: "b"))
  }

  @Test("The old owner is fenced if there is a fence", arguments: [true, false])
  func fence(hasFence: Bool) throws {
    var world = SmallWorld.serving(services: [.named(hasFence: hasFence)])
    world.nodes["a"]?.isDead = true
    world.pass(until: { $0.isServed(by: "b") }, "adopted")
    let fence = try #require(world.transitions("b").first?.plan.steps.first)
    #expect(fence.kind == .fence)
    #expect(fence.isSkipped == !hasFence)
    #expect(fence.why.contains(hasFence ? "may still run" : "fence: none"))
  }

  @Test func oneMoreBeatOfTheOldOwnerAndTheClaimFails() throws {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.nodes["a"]?.isDead = true
    world.pass(.milliseconds(3500))
    // The next look of b finds a dead; its beat arrives between this look and the claim.
    var late = try #require(world.store.beats["a"].flatMap(Beat.init(bytes:)))
    late.counter += 1
    let stale = world.store.view(startedAt: world.now + .seconds(1))
    world.store.beats["a"] = late.bytes
    world.now = world.now + .seconds(1)
    world.input("b") { $0.onLook(stale, now: $1) }
    #expect(world.transitions("b").count == 1)
    #expect(world.owner()?.node == "a")
    #expect(world.nodes["b"]?.plan == nil)
    #expect(world.activity("b") == NodeInstance.Activity.none)
    // And it is not dead again before another whole lease.
    world.pass(.seconds(4))
    #expect(world.transitions("b").count == 1)
    world.pass(.seconds(1))
    #expect(world.owner()?.node == "b")
  }

  @Test func theNextInRankAdoptsIfTheBestIsDeadToo() {
    var world = SmallWorld.serving()
    world.nodes["a"]?.isDead = true
    world.nodes["b"]?.isDead = true
    world.pass(.seconds(6))
    #expect(world.isServed(by: "c"))
  }

  @Test func aLateCandidateIsNotWaitedFor() {
    var world = SmallWorld.serving()
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(2))
    world.nodes["b"]?.isDead = true
    world.pass(.seconds(3))
    #expect(world.isServed(by: "c"))
  }

  @Test func whoIsNoCandidateNeverAdopts() {
    var world = SmallWorld.serving(services: [.named(candidates: ["a", "b"])])
    world.nodes["a"]?.isDead = true
    world.nodes["b"]?.isDead = true
    world.pass(.seconds(60))
    #expect(world.owner()?.node == "a")
    #expect(world.nodes["c"]?.instance.whyNotCandidate("home", now: world.now).isEmpty == false)
  }

  @Test func whoIsUnwellNeverAdopts() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.input("b") { $0.onHealth(.unhealthy(["nfs: refused"]), now: $1) }
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(60))
    #expect(world.owner()?.node == "a")
    #expect(world.nodes["b"]?.instance.whyNotCandidate("home", now: world.now) == ["nfs: refused"])
    world.input("b") { $0.onHealth(.healthy, now: $1) }
    world.pass(.seconds(2))
    #expect(world.isServed(by: "b"))
  }

  @Test func definitionsThatDifferPreventUnplannedAdoptions() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.nodes["b"]?.instance.onDefinitions(of: "a", disagreements: ["home": ["address"]])
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(60))
    #expect(world.owner()?.node == "a")
    #expect(
      world.nodes["b"]?.instance.whyNotCandidate("home", now: world.now)
        == ["the node file of a differs: address"])
    world.nodes["b"]?.instance.onDefinitions(of: "a", disagreements: [:])
    world.pass(.seconds(1))
    #expect(world.isServed(by: "b"))
  }

  @Test func aDaemonStoppedOnPurposeGetsItsGraceFirst() throws {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    let goodbye = world.nodes["a"]?.instance.onStop()
    let last = try #require(goodbye)
    #expect(world.store.renew("a", last) == .renewed)
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(34))
    #expect(world.owner()?.node == "a")
    world.pass(.seconds(2))
    #expect(world.isServed(by: "b"))
  }

  @Test func aNodeThatNeverBeatIsNotAdoptedFrom() {
    var world = SmallWorld()
    world.store.set("home", Ownership(node: "a", epoch: 4, state: .online, boot: "a-1"))
    world.start("b")
    world.pass(.seconds(600))
    #expect(world.owner()?.node == "a")
  }

  @Test func anOutageOfTheStoreForOneNodeMakesItClaimNothing() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.nodes["b"]?.isCut = true
    world.pass(.seconds(3600))
    world.nodes["b"]?.isCut = false
    world.pass(.seconds(3600))
    #expect(world.transitions("b").isEmpty)
    #expect(world.isServed(by: "a"))
    #expect(world.takeDirectives("a") == [])
  }

  @Test func anOutageForEverybodyEndsWithEverybodyTakingUpItsOwn() {
    for length in [1, 3, 5, 10, 3600] {
      var world = SmallWorld.serving()
      for node: NodeName in ["a", "b", "c"] { world.nodes[node]?.isCut = true }
      world.pass(.seconds(length))
      for node: NodeName in ["a", "b", "c"] { world.nodes[node]?.isCut = false }
      world.pass(.seconds(10))
      #expect(world.transitions("b").isEmpty && world.transitions("c").isEmpty, "\(length) s")
      #expect(world.isServed(by: "a"), "\(length) s")
      // Given up in time, and taken up again with recovery; or nothing happened at all.
      #expect(world.owner()?.epoch == (length >= 3 ? 2 : 1), "\(length) s")
      #expect(world.withdrawals("a").count == (length >= 3 ? 1 : 0), "\(length) s")
    }
  }

  @Test func anOutageThatEndsForTheObserversFirstKillsNobodyWithinALease() {
    var world = SmallWorld.serving()
    for node: NodeName in ["a", "b", "c"] { world.nodes[node]?.isCut = true }
    world.pass(.seconds(60))
    for node: NodeName in ["b", "c"] { world.nodes[node]?.isCut = false }
    world.pass(.milliseconds(3500))
    world.nodes["a"]?.isCut = false
    world.pass(.seconds(10))
    #expect(world.transitions("b").isEmpty && world.transitions("c").isEmpty)
    #expect(world.isServed(by: "a"))
  }

  @Test func aClaimThatWasNotAnsweredAndHappenedGoesOnFromItsJournal() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.nodes["a"]?.isDead = true
    world.pass(.milliseconds(3500))
    world.nodes["b"]?.losesAnswers = true
    world.pass(.milliseconds(500))
    #expect(world.owner()?.node == "b")
    #expect(world.nodes["b"]?.plan == nil)
    world.nodes["b"]?.losesAnswers = false
    world.finishesPlans = false
    world.pass(.seconds(2))
    #expect(world.takeDirectives("b").last == .resumePlan("home", epoch: 2, fromStart: false))
    world.finishPlan("b")
    #expect(world.isServed(by: "b"))
    #expect(world.owner()?.epoch == 2)
  }

  @Test func aClaimThatFailsIsTriedAgainMoreAndMoreSeldom() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.nodes["a"]?.isDead = true
    world.pass(.milliseconds(3500))
    // Beats get through, transitions do not: the beat of a changes under each claim.
    var moments: [Duration] = []
    for _ in 0..<200 {
      world.now = world.now + .milliseconds(500)
      let view = world.store.view(startedAt: world.now + .nanoseconds(1))
      let transitions = world.look("b", view)
      world.beat("b")
      for transition in transitions {
        moments.append(world.now.sinceBoot)
        world.input("b") { $0.onTransition(transition, .failed("store full"), now: $1) }
      }
    }
    let pauses = zip(moments, moments.dropFirst()).map { $1 - $0 }
    #expect(moments.count > 10)
    #expect(pauses == pauses.sorted())
    #expect(pauses.first == .milliseconds(500))
    #expect(pauses.last == .seconds(5))
  }

  @Test func severalServicesOfADeadNodeAreAllAdopted() {
    let services: [ServiceDefinition] = [
      .named("one", home: "a", candidates: ["a", "b", "c"]),
      .named("two", home: "a", candidates: ["c", "b", "a"]),
      .named("three", home: "b"),
    ]
    var world = SmallWorld()
    world.services = services
    for node: NodeName in ["a", "b", "c"] { world.start(node) }
    world.pass(.seconds(3))
    for service: ServiceName in ["one", "two"] { #expect(world.isServed(by: "a", service)) }
    #expect(world.isServed(by: "b", "three"))
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(8))
    #expect(world.isServed(by: "b", "one"))
    #expect(world.isServed(by: "c", "two"))
    #expect(world.isServed(by: "b", "three"))
    #expect(world.owner("three")?.epoch == 1)
  }

  @Test func twoCandidatesThatRaceAThousandTimesNeverBothWin() {
    var start = SmallWorld()
    // Each thinks itself the best: the order of candidates differs, and nobody has compared it.
    start.services = [.named(candidates: ["b", "c", "a"])]
    for node: NodeName in ["a", "b"] { start.start(node) }
    start.services = [.named(candidates: ["c", "b", "a"])]
    start.start("c")
    start.pass(.seconds(3))
    start.nodes["a"]?.isDead = true
    // Both look before either claims.
    var found: [(NodeName, Transition)] = []
    for _ in 0..<20 where found.count < 2 {
      start.now = start.now + .milliseconds(500)
      let view = start.store.view(startedAt: start.now + .nanoseconds(1))
      for node: NodeName in ["b", "c"] {
        start.beat(node)
        found += start.look(node, view).map { (node, $0) }
      }
    }
    #expect(Set(found.map(\.0)) == ["b", "c"])
    var winners: [NodeName: Int] = [:]
    for seed in 0..<1000 {
      var numbers = SeededNumbers(seed: seed)
      var world = start
      let claims = found.shuffled(using: &numbers)
      var outcomes: [TransitionOutcome] = []
      for (node, claim) in claims {
        let outcome = world.store.make(claim)
        outcomes.append(outcome)
        // One answer in ten is lost.
        let known = numbers.chance(10) ? .failed("no answer") : outcome
        world.input(node) { $0.onTransition(claim, known, now: $1) }
        if numbers.chance(50) { world.pass(.milliseconds(500)) }
      }
      #expect(outcomes == [.done, .conflict])
      world.pass(.seconds(5))
      let (winner, loser) = (claims[0].0, claims[1].0)
      #expect(world.isServed(by: winner))
      #expect(world.owner()?.epoch == 2)
      #expect(world.activity(loser) == NodeInstance.Activity.none)
      #expect(world.store.ownerHistory["home"]?.contains { $0.node == loser } == false)
      winners[winner, default: 0] += 1
    }
    #expect((winners["b"] ?? 0) > 300 && (winners["c"] ?? 0) > 300)
  }

  // MARK: - The grace period

  /// `b` adopts from `a`, and its lock manager's grace period of 20 s has begun.
  private func inGrace() -> SmallWorld {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.finishesPlans = false
    world.nodes["a"]?.isDead = true
    world.pass(until: { $0.owner()?.state == .adopting })
    world.nodes["b"]?.instance.onGrace("home", left: .seconds(20), of: .seconds(20), now: world.now)
    _ = world.takeDirectives("b")
    return world
  }

  @Test func clientsAreToldWhileEnoughOfTheGracePeriodIsLeft() {
    var world = inGrace()
    world.pass(.milliseconds(14_500))
    #expect(world.nodes["b"]?.instance.onTelling("home", anybody: true, now: world.now) == true)
    // Once they are being told, nothing is given up any more.
    world.pass(.seconds(60))
    #expect(world.activity("b") == .plan(.adoption))
    #expect(world.takeDirectives("b") == [])
  }

  @Test func anAdoptionThatIsHeldUpLetsGoWhileTheGracePeriodRunsAndBeginsAnew() {
    var world = inGrace()
    world.pass(.milliseconds(14_500))
    #expect(world.activity("b") == .plan(.adoption))
    world.pass(.milliseconds(500))
    #expect(world.withdrawals("b") == ["its clients were not told while enough of the grace period was left"])
    world.pass(.milliseconds(500))
    #expect(world.takeDirectives("b").last == .resumePlan("home", epoch: 2, fromStart: true))
    #expect(world.owner()?.epoch == 2)
    world.finishPlan("b")
    #expect(world.isServed(by: "b"))
  }

  @Test func aDaemonThatComesBackTooLateTellsNobodyOfAGracePeriodThatIsOver() {
    var world = inGrace()
    world.nodes["b"]?.instance.onGrace("home", left: .zero, of: .seconds(20), now: world.now)
    #expect(world.nodes["b"]?.instance.onTelling("home", anybody: true, now: world.now) == false)
    world.endPlan("b", .beginAnew("too late"))
    #expect(world.withdrawals("b") == ["too late"])
    world.pass(.milliseconds(500))
    #expect(world.takeDirectives("b").last == .resumePlan("home", epoch: 2, fromStart: true))
  }

  @Test func withoutAClientTheGracePeriodDoesNotMatter() {
    var world = inGrace()
    world.nodes["b"]?.instance.onGrace("home", left: .zero, of: .seconds(20), now: world.now)
    #expect(world.nodes["b"]?.instance.onTelling("home", anybody: false, now: world.now) == true)
    world.pass(.seconds(30))
    #expect(world.takeDirectives("b") == [])
  }
}
