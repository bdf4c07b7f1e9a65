import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("A silent owner is not taken for dead on the store's word alone (B5, C2, M8)")
struct EvidenceTests {
  // MARK: - The second witness

  @Test func anOwnerThatIsSeenServingIsNotAdopted() throws {
    var world = SmallWorld.serving()
    world.witnesses["a"] = .seen("nfs on 10.0.0.10 answers")
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(60))
    #expect(world.owner()?.node == "a")
    let instance = try #require(world.nodes["b"]?.instance)
    #expect(
      instance.whyHeld("home", now: world.now)
        == "a misses beats, but is seen serving: nfs on 10.0.0.10 answers")
    #expect(
      instance.whyDegraded("a") == ["it misses beats, but is seen serving home: nfs on 10.0.0.10 answers"])
    // Also where nobody has asked: c is not the heir.
    let other = try #require(world.nodes["c"]?.instance)
    #expect(other.whyHeld("home", now: world.now) == instance.whyHeld("home", now: world.now))
    #expect(other.whyDegraded("a") == instance.whyDegraded("a"))
    // It is asked again and again, and adopted when it is not seen any more.
    world.witnesses["a"] = .notSeen
    world.pass(.seconds(3))
    #expect(world.isServed(by: "b"))
    #expect(world.nodes["b"]?.instance.whyHeld("home", now: world.now) == nil)
    #expect(world.nodes["b"]?.instance.whyDegraded("a") == [])
    #expect(world.nodes["c"]?.instance.whyHeld("home", now: world.now) == nil)
    #expect(world.nodes["c"]?.instance.whyDegraded("a") == [])
  }

  /// The question is asked while the owner is late, so that its answer is there when the lease is over.
  @Test func theQuestionCostsNoTime() {
    var world = SmallWorld.serving()
    world.nodes["a"]?.isDead = true
    world.finishesPlans = false
    let diedAt = world.now
    world.pass(until: { $0.owner()?.node == "b" })
    #expect(world.now - diedAt <= .milliseconds(4500))
    #expect(world.questions > 0)
  }

  @Test func nobodyAdoptsBeforeTheAnswer() {
    var world = SmallWorld.serving()
    world.witnesses["a"] = .some(nil)
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(30))
    #expect(world.owner()?.node == "a")
    // An answer that was lost is asked for again, not twice a second.
    #expect((3...20).contains(world.questions))
  }

  @Test func whereNobodyCanBeAskedTheLeaseDecides() {
    var world = SmallWorld.serving()
    world.witnesses["a"] = .nobodyToAsk
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(6))
    #expect(world.isServed(by: "b"))
  }

  @Test func aFenceNeedsNoWitness() {
    var world = SmallWorld.serving(services: [.named(hasFence: true)])
    world.witnesses["a"] = .seen("nfs answers")
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(6))
    #expect(world.isServed(by: "b"))
    #expect(world.questions == 0)
  }

  @Test func anOperatorWhoConfirmsIsBelieved() {
    var world = SmallWorld.serving()
    world.witnesses["a"] = .seen("nfs answers")
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(10))
    world.ask(.move(to: "b", forced: true, confirmed: true))
    world.pass(.seconds(3))
    #expect(world.isServed(by: "b"))
  }

  // MARK: - The storm guard

  private static let four: [NodeName] = ["a", "b", "c", "d"]

  private static func cluster(hasFence: Bool = false) -> SmallWorld {
    .serving(services: [.named(candidates: four, hasFence: hasFence)], nodes: four)
  }

  @Test(
    "When most fall silent at once they are looked at again, also before a fence", arguments: [true, false])
  func storm(hasFence: Bool) throws {
    var world = Self.cluster(hasFence: hasFence)
    for node: NodeName in ["a", "b"] {
      world.nodes[node]?.isDead = true
      world.witnesses[node] = .seen("nfs answers")
    }
    world.pass(.seconds(30))
    #expect(world.owner()?.node == "a")
    let why = try #require(world.nodes["c"]?.instance.whyHeld("home", now: world.now))
    #expect(why.contains("seen serving"))
    world.witnesses = [:]
    world.pass(.seconds(5))
    #expect(world.isServed(by: "c"))
  }

  @Test func aStormTakesTwoLooks() {
    var world = Self.cluster()
    for node: NodeName in ["a", "b"] { world.nodes[node]?.isDead = true }
    world.finishesPlans = false
    let diedAt = world.now
    world.pass(until: { $0.owner()?.node == "c" })
    #expect(world.now - diedAt >= .seconds(5))
    #expect(world.now - diedAt <= .seconds(7))
  }

  @Test func withoutAWitnessAStormTakesALeaseMore() {
    var world = Self.cluster()
    for node: NodeName in ["a", "b"] {
      world.nodes[node]?.isDead = true
      world.witnesses[node] = .nobodyToAsk
    }
    world.finishesPlans = false
    let diedAt = world.now
    world.pass(until: { $0.owner()?.node == "c" })
    #expect(world.now - diedAt >= .seconds(8))
    #expect(world.now - diedAt <= .seconds(10))
  }

  @Test func twoOfManyAreNoStorm() {
    var guardian = StormGuard(timings: BeatTimings())
    let nodes: [NodeName] = ["a", "b", "c", "d", "e"]
    var verdicts = Dictionary(uniqueKeysWithValues: nodes.map { ($0, BeatDetector.Verdict.alive) })
    guardian.onLook(verdicts, now: at(.seconds(1)))
    (verdicts["a"], verdicts["b"]) = (.dead(missed: 8), .dead(missed: 8))
    guardian.onLook(verdicts, now: at(.seconds(2)))
    #expect(guardian.noticed("a") == nil)
    verdicts["c"] = .dead(missed: 8)
    guardian.onLook(verdicts, now: at(.seconds(3)))
    #expect(guardian.noticed("a") == at(.seconds(3)))
    verdicts["a"] = .alive
    guardian.onLook(verdicts, now: at(.seconds(4)))
    #expect(guardian.noticed("a") == nil)
  }

  @Test func whoDiesOneAfterTheOtherDiesAlone() {
    var world = Self.cluster()
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(8))
    #expect(world.isServed(by: "b"))
    world.nodes["b"]?.isDead = true
    world.finishesPlans = false
    let diedAt = world.now
    world.pass(until: { $0.owner()?.node == "c" })
    #expect(world.now - diedAt <= .milliseconds(4500))
  }

  // MARK: - Flapping

  /// The owner dies; whoever is next adopts; the dead one comes back.
  private static func round(_ world: inout SmallWorld, _ dies: NodeName, _ adopts: NodeName) {
    world.nodes[dies]?.isDead = true
    world.pass(.seconds(6))
    #expect(world.isServed(by: adopts))
    world.nodes[dies]?.isDead = false
    world.pass(.seconds(10))
  }

  @Test func theFourthAdoptionWithinAnHourIsHeld() throws {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    Self.round(&world, "a", "b")
    Self.round(&world, "b", "a")
    Self.round(&world, "a", "b")
    #expect(world.owner()?.automatic.count == 3)
    world.nodes["b"]?.isDead = true
    world.pass(.seconds(600))
    #expect(world.owner()?.node == "b")
    let why = try #require(world.nodes["a"]?.instance.whyHeld("home", now: world.now))
    #expect(why == "it was adopted automatically 3 times within 1h; `lockferry unhold home` lets it go on")
    // Time lets it go on.
    world.pass(.seconds(3000))
    #expect(world.isServed(by: "a"))
  }

  @Test func anOperatorLetsItGoOn() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    Self.round(&world, "a", "b")
    Self.round(&world, "b", "a")
    Self.round(&world, "a", "b")
    world.nodes["b"]?.isDead = true
    world.pass(.seconds(30))
    var ownership = world.owner()
    ownership?.automatic = []
    world.store.owners["home"] = ownership?.bytes
    world.pass(.seconds(3))
    #expect(world.isServed(by: "a"))
  }

  @Test func whatAnOperatorAskedForDoesNotCount() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    for target: NodeName in ["b", "a", "b", "a", "b"] {
      world.ask(.move(to: target, id: "m-\(world.now)"))
      world.pass(.seconds(4))
      #expect(world.isServed(by: target))
    }
    #expect(world.owner()?.automatic == [])
  }

  @Test func anAutomaticFailbackDoesNotCount() {
    var definition = ServiceDefinition.named(candidates: ["a", "b"])
    definition.failback = .automatic(after: .seconds(5))
    var world = SmallWorld.serving(services: [definition], nodes: ["a", "b"])
    for round in 1...3 {
      world.nodes["a"]?.isDead = true
      world.pass(.seconds(6))
      #expect(world.isServed(by: "b"))
      #expect(world.owner()?.automatic.count == round)
      world.nodes["a"]?.isDead = false
      // With the third adoption the service stays where it is, also from its home.
      guard round < 3 else { return }
      world.pass(until: { $0.isServed(by: "a") })
      #expect(world.owner()?.automatic.count == round)
      #expect(world.owner()?.isFailback == false)
    }
  }

  @Test func whatAnUnwellOwnerGivesToItsHomeCounts() {
    var definition = ServiceDefinition.named(candidates: ["a", "b"])
    definition.failback = .automatic(after: .seconds(600))
    var world = SmallWorld.serving(services: [definition], nodes: ["a", "b"])
    Self.round(&world, "a", "b")
    world.input("b") { $0.onHealth(.unhealthy(["nfsd does not answer"]), now: $1) }
    world.pass(.seconds(4))
    #expect(world.isServed(by: "a"))
    #expect(world.owner()?.automatic.count == 2)
  }

  @Test func withoutALimitNothingIsHeld() {
    var world = SmallWorld()
    world.adoption.flap = nil
    for node: NodeName in ["a", "b"] { world.start(node) }
    world.pass(.seconds(5))
    for _ in 0..<3 {
      Self.round(&world, "a", "b")
      Self.round(&world, "b", "a")
    }
  }

  @Test func theOwnerKeyRemembersThroughEveryState() throws {
    var ownership = Ownership(
      node: "a", epoch: 7, state: .releasing, boot: "a-1", reservedFor: "b", isFailback: true,
      tried: ["c"], automatic: [0, 35, 80])
    #expect(Ownership(bytes: ownership.bytes) == ownership)
    ownership.automatic = []
    #expect(!String(decoding: ownership.bytes, as: UTF8.self).contains("automatic"))
  }
}
