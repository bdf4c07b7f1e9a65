import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("Candidates vote (C3)")
struct VoteTests {
  private static func voting(
    _ change: (inout SmallWorld) -> Void = { _ in }, candidates: [NodeName] = ["a", "b", "c", "d"]
  ) -> SmallWorld {
    var world = SmallWorld()
    var service = ServiceDefinition.named(candidates: candidates)
    service.election = .vote
    world.services = [service]
    change(&world)
    for node in candidates { world.start(node) }
    world.pass(.seconds(5))
    #expect(world.isServed(by: "a"))
    for node in candidates { _ = world.takeDirectives(node) }
    return world
  }

  private static func bids(_ world: SmallWorld, _ epoch: UInt64 = 2) -> [NodeName] {
    (world.store.bids["home"]?[epoch] ?? [:]).keys.sorted()
  }

  private static func isAnyServing(_ world: SmallWorld) -> Bool {
    ["b", "c", "d"].contains { world.isServed(by: $0) }
  }

  @Test func thePriorityDecidesBeforeTheOrder() {
    var world = Self.voting { $0.priorities = ["c": 200, "d": 150] }
    world.nodes["a"]?.isDead = true
    world.pass(until: Self.isAnyServing)
    #expect(world.isServed(by: "c"))
    #expect(world.owner()?.epoch == 2)
    #expect(Self.bids(world) == [])
    #expect(world.transitions("b").isEmpty && world.transitions("d").isEmpty, "late voters withdraw")
  }

  @Test func ofEqualPrioritiesTheLoadDecides() {
    var world = Self.voting {
      $0.loads = ["b": Load(percent: 310), "c": Load(percent: 90), "d": Load(percent: 20)].compactMapValues {
        $0
      }
    }
    world.nodes["a"]?.isDead = true
    world.pass(until: Self.isAnyServing)
    #expect(world.isServed(by: "d"))
  }

  @Test func withoutAnyDifferenceTheOrderDecides() {
    var world = Self.voting()
    world.nodes["a"]?.isDead = true
    world.pass(until: Self.isAnyServing)
    #expect(world.isServed(by: "b"))
  }

  @Test func aDeathThatIsCertainWaitsForNoBids() {
    var times: [Duration] = []
    for election in [Election.race, .vote] {
      var world = Self.voting { $0.services[0].election = election }
      world.nodes["a"]?.isDead = true
      let died = world.now
      world.pass(until: { $0.owner()?.node != "a" })
      times.append(world.now - died)
    }
    #expect(times[0] == times[1])
  }

  @Test func aReleaseIsVotedOnWithinABoundedTime() {
    var world = Self.voting { $0.priorities = ["d": 200] }
    world.input("a") { $0.onHealth(.unhealthy(["nfsd is dead"]), now: $1) }
    let began = world.now
    world.pass(until: { $0.owner()?.state == .released })
    #expect(world.owner()?.reservedFor == nil)
    world.pass(until: Self.isAnyServing)
    #expect(world.isServed(by: "d"))
    #expect(world.now - began <= .seconds(5))
    #expect(Self.bids(world) == [])
  }

  @Test func whoOnlyEverBidsDoesNotStrandTheService() {
    // The best bidder beats on, but its claims never arrive.
    var world = Self.voting { $0.priorities = ["d": 300, "c": 200] }
    world.nodes["a"]?.isDead = true
    world.pass(until: { $0.nodes["d"]?.instance.ownBid("home") != nil })
    world.nodes["d"]?.hangsBeforeClaims = true
    let died = world.now
    world.pass(until: Self.isAnyServing)
    #expect(world.isServed(by: "c"))
    #expect(world.now - died <= .seconds(10))
  }

  @Test func aBestBidderThatDiesBeforeItsClaimIsPassedOver() {
    var world = Self.voting { $0.priorities = ["d": 300, "c": 200] }
    world.nodes["a"]?.isDead = true
    world.pass(until: { Self.bids($0) == ["b", "c", "d"] })
    world.nodes["d"]?.isDead = true
    world.pass(until: Self.isAnyServing)
    #expect(world.isServed(by: "c"))
    #expect(Self.bids(world) == [])
  }

  @Test func whoIsNotEligibleDoesNotBid() {
    var world = Self.voting { $0.priorities = ["d": 300] }
    world.store.drains["d"] = OperatorMark(actor: "root", because: "", since: "").bytes
    world.pass(.seconds(2))
    world.nodes["a"]?.isDead = true
    world.pass(until: { !Self.bids($0).isEmpty })
    world.pass(.seconds(1))
    #expect(Self.bids(world) == ["b", "c"])
    world.pass(until: Self.isAnyServing)
    #expect(world.isServed(by: "b"))
  }

  @Test func anOwnerThatComesBackEndsTheVoteAndItsBidsNeverCount() {
    var world = Self.voting { $0.priorities = ["d": 300] }
    world.nodes["a"]?.isDead = true
    world.pass(until: { Self.bids($0) == ["b", "c", "d"] })
    // d dies with its bid in the store; a comes back, and is silent again later.
    world.nodes["d"]?.isDead = true
    world.nodes["a"]?.isDead = false
    world.pass(.seconds(8))
    #expect(world.isServed(by: "a") && world.owner()?.epoch == 1)
    #expect(Self.bids(world) == ["d"])
    #expect(world.nodes["b"]?.instance.polls == [])
    world.nodes["a"]?.isDead = true
    world.pass(until: Self.isAnyServing)
    #expect(world.isServed(by: "b"))
    #expect(Self.bids(world) == [], "the claim removes what is left")
  }

  @Test func whatAnEarlierRunHasBidCountsForNothing() throws {
    var world = Self.voting { $0.priorities = ["c": 200] }
    world.nodes["a"]?.isDead = true
    world.pass(until: { Self.bids($0) == ["b", "c", "d"] })
    let mine = try #require(world.store.bids["home"]?[2]?["c"])
    // c's daemon starts again, with nothing to offer.
    world.priorities = [:]
    world.start("c", run: "r2")
    world.pass(.seconds(2))
    #expect(world.owner()?.node == "a")
    world.store.bids["home"]?[2]?["c"] = mine
    world.pass(.milliseconds(500))
    #expect(world.owner()?.node == "b", "its turn comes at once")
  }

  @Test func aBidAfterTheElectionIsTooLate() throws {
    var world = Self.voting()
    world.nodes["a"]?.isDead = true
    world.pass(until: { $0.nodes["b"]?.instance.ownBid("home") != nil })
    let placements = world.nodes["c"]?.directives.compactMap { directive -> BidPlacement? in
      if case .placeBid(let placement) = directive { placement } else { nil }
    }
    let late = try #require(placements?.first)
    world.pass(until: Self.isAnyServing)
    #expect(world.store.place(late, by: "c", load: nil) == .tooLate)
    #expect(Self.bids(world) == [])
  }

  @Test func anAnswerThatIsLostIsNoBidUntilItIsKnown() {
    var world = Self.voting()
    world.nodes["b"]?.losesAnswers = true
    world.nodes["a"]?.isDead = true
    world.pass(until: { Self.bids($0).contains("c") })
    #expect(world.nodes["b"]?.instance.ownBid("home") == nil)
    world.pass(until: Self.isAnyServing)
    #expect(!world.isServed(by: "b"))
  }

  @Test func aPauseEndsTheVote() {
    var world = Self.voting()
    world.nodes["a"]?.isDead = true
    world.pass(until: { Self.bids($0) == ["b", "c", "d"] })
    world.store.pause = OperatorMark(actor: "root", because: "", since: "").bytes
    world.pass(.seconds(20))
    #expect(world.owner()?.node == "a")
    #expect(Self.bids(world) == [])
    world.store.pause = nil
    world.pass(until: Self.isAnyServing)
    #expect(world.isServed(by: "b"))
  }

  @Test func whatFailsAtTheElectedIsVotedOnAgainWithoutIt() {
    var world = Self.voting { $0.priorities = ["d": 300, "c": 200] }
    world.nodes["a"]?.isDead = true
    world.finishesPlans = false
    world.pass(until: { $0.activity("d") == .plan(.adoption) })
    for failures in 1...3 {
      let now = world.now
      if world.nodes["d"]?.instance.onStepFailed("home", .storage, failures: failures, now: now) == true {
        world.endPlan("d", .handOn("storage: exit status 1"))
      }
    }
    #expect(world.owner()?.tried == ["d"])
    #expect(world.owner()?.reservedFor == nil)
    world.finishesPlans = true
    world.pass(until: Self.isAnyServing)
    #expect(world.isServed(by: "c"))
  }

  @Test func anOperatorsTargetIsNotVotedOn() {
    var world = Self.voting { $0.priorities = ["d": 300] }
    world.ask(.move(to: "c"))
    world.pass(until: Self.isAnyServing)
    #expect(world.isServed(by: "c"))
  }

  @Test func aHeldServiceIsVotedOnAnewWhenItIsFree() {
    var world = Self.voting {
      $0.loads = ["b": Load(percent: 300), "c": Load(percent: 300), "d": Load(percent: 0)].compactMapValues {
        $0
      }
    }
    world.witnesses["a"] = .seen("its address")
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(60))
    #expect(world.owner()?.node == "a")
    // What counted a minute ago does not count any more.
    world.loads = ["b": Load(percent: 300), "c": Load(percent: 0), "d": Load(percent: 300)].compactMapValues {
      $0
    }
    world.witnesses["a"] = .notSeen
    world.pass(until: Self.isAnyServing)
    #expect(world.isServed(by: "c"))
  }
}
