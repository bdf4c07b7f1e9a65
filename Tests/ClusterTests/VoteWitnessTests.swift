import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("Of those who vote one asks whether the owner serves (C3, R7 of the failover rules)")
struct VoteWitnessTests {
  private static let others: [NodeName] = ["b", "c", "d", "e"]

  /// `a` serves; c bids most, then e.
  private static func world() -> SmallWorld {
    var world = SmallWorld()
    var service = ServiceDefinition.named(candidates: ["a"] + others)
    service.election = .vote
    world.services = [service]
    world.priorities = ["c": 300, "e": 200]
    for node in ["a"] + others { world.start(node) }
    world.pass(.seconds(5))
    #expect(world.isServed(by: "a"))
    for node in ["a"] + others { _ = world.takeDirectives(node) }
    return world
  }

  private static func isAnyServing(_ world: SmallWorld) -> Bool { others.contains { world.isServed(by: $0) } }

  @Test func onlyTheBestBidderAsksHoweverLongTheOwnerIsSeen() {
    var world = Self.world()
    world.witnesses["a"] = .seen("its address")
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(60))
    #expect(world.owner()?.node == "a")
    #expect(Array(world.askers.keys) == ["c"])
    // No more often than where nobody votes.
    #expect((20...65).contains(world.questions), "\(world.questions)")
    for node in Self.others {
      #expect(
        world.nodes[node]?.instance.whyHeld("home", now: world.now)
          == "a misses beats, but is seen serving: its address")
    }
    world.witnesses["a"] = .notSeen
    world.pass(until: Self.isAnyServing)
    #expect(world.isServed(by: "c"))
    #expect(Array(world.askers.keys) == ["c"])
  }

  @Test func itAsksAheadSoThatDeathWaitsForNobody() {
    var world = Self.world()
    world.nodes["a"]?.isDead = true
    let diedAt = world.now
    world.pass(until: { $0.owner()?.node == "c" })
    #expect(world.now - diedAt <= .milliseconds(4500))
    #expect(Array(world.askers.keys) == ["c"])
  }

  @Test func whoeverClaimsHasAnAnswerOfItsOwn() {
    var world = Self.world()
    world.witnesses["a"] = .some(nil)
    world.nodes["a"]?.isDead = true
    world.pass(until: { $0.askers["c"] != nil })
    world.nodes["c"]?.isDead = true
    world.pass(.seconds(30))
    #expect(world.owner()?.node == "a")
    #expect(world.askers["e"] != nil, "its turn has come")
    world.witnesses["a"] = .notSeen
    world.pass(until: Self.isAnyServing)
    #expect(world.owner()?.epoch == 2)
  }

  /// What the best bidder has said last counts for as long as it beats.
  @Test func theWordOfABestBidderThatDiesIsForgotten() {
    var world = Self.world()
    world.witnesses["a"] = .seen("its address")
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(10))
    world.nodes["c"]?.isDead = true
    world.witnesses["a"] = .notSeen
    world.pass(until: Self.isAnyServing)
    #expect(world.isServed(by: "e"))
    #expect((world.askers["e"] ?? 0) > 0)
  }

  @Test func aBestBidderThatNeverClaimsIsPassedOverByOneThatHasAsked() {
    var world = Self.world()
    world.nodes["a"]?.isDead = true
    world.nodes["c"]?.hangsBeforeClaims = true
    let diedAt = world.now
    world.pass(until: Self.isAnyServing)
    #expect(world.isServed(by: "e"))
    #expect((world.askers["e"] ?? 0) > 0)
    #expect(world.now - diedAt <= .seconds(10))
  }

  @Test func whereThereIsAFenceNobodyIsAsked() {
    var world = Self.world()
    world.services[0].hasFence = true
    for node in ["a"] + Self.others { world.start(node, run: "r2") }
    world.pass(.seconds(5))
    world.nodes["a"]?.isDead = true
    world.pass(until: Self.isAnyServing)
    #expect(world.questions == 0)
  }
}
