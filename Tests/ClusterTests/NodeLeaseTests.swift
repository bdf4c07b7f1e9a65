import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("An owner that can not renew, or is not well, stops first (M8, C2, B5)")
struct NodeLeaseTests {
  @Test func theLeaseThatRunsOutIsWithdrawnAtItsMomentAndNotBefore() throws {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    let renewedAt = world.now
    world.nodes["a"]?.isCut = true
    let due = try #require(world.nodes["a"]?.instance.giveUpAt)
    #expect(due == renewedAt + .milliseconds(2760))
    world.now = due - .nanoseconds(1)
    world.watchLease("a")
    #expect(world.takeDirectives("a") == [])
    world.now = due
    world.watchLease("a")
    #expect(
      world.takeDirectives("a") == [
        .stopPlan("home"), .withdraw("home", because: "the lease could not be renewed in time"),
      ])
    #expect(world.nodes["a"]?.instance.giveUpAt == nil)
    #expect(world.nodes["a"]?.instance.ownerBytes(of: "home", epoch: 1) == nil)
    world.watchLease("a")
    #expect(world.takeDirectives("a") == [])
  }

  @Test func whatWasGivenUpIsTakenUpAgainWithRecovery() throws {
    var world = SmallWorld.serving(nodes: ["a"])
    world.nodes["a"]?.isCut = true
    world.pass(.seconds(10))
    _ = world.takeDirectives("a")
    world.nodes["a"]?.isCut = false
    world.pass(.seconds(1))
    let claim = try #require(world.transitions("a").first)
    #expect(claim.plan.because == "a can serve again")
    #expect(claim.plan.kind == .adoption)
    #expect(claim.ownership.epoch == 2)
    world.pass(.seconds(1))
    #expect(world.isServed(by: "a"))
  }

  @Test func anAdoptionThatTheLeaseInterruptedBeginsAgainFromItsStart() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.finishesPlans = false
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(6))
    #expect(world.nodes["b"]?.plan != nil)
    world.nodes["b"]?.isCut = true
    world.pass(.seconds(10))
    #expect(world.nodes["b"]?.plan == nil)
    #expect(world.withdrawals("b").count == 1)
    world.nodes["b"]?.isCut = false
    world.pass(.seconds(1))
    #expect(world.nodes["b"]?.directives.last == .resumePlan("home", epoch: 2, fromStart: true))
  }

  @Test func aReleaseThatIsUnderWayIsWithdrawnAndGoesOn() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.finishesPlans = false
    world.ask(.move(to: "b"))
    world.pass(.milliseconds(500))
    _ = world.takeDirectives("a")
    world.nodes["a"]?.isReadOnly = true
    world.pass(.milliseconds(3500))
    #expect(
      world.takeDirectives("a") == [.withdraw("home", because: "the lease could not be renewed in time")])
    #expect(world.nodes["a"]?.plan?.kind == .release)
    world.nodes["a"]?.isReadOnly = false
    world.finishPlan("a")
    #expect(world.owner()?.state == .released)
  }

  @Test func aServiceThatIsBeingLetGoEndsWithTheLeaseToo() {
    // The transition to the release hangs; its outcome comes when the lease is long over.
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.ask(.move(to: "b"))
    world.now = world.now + .milliseconds(500)
    world.beat("a")
    let view = world.store.view(startedAt: world.now + .nanoseconds(1))
    let directives = world.nodes["a"]?.instance.onLook(view, now: world.now) ?? []
    guard case .transition(let transition)? = directives.first else {
      Issue.record("no release: \(directives)")
      return
    }
    #expect(world.nodes["a"]?.instance.giveUpAt == world.now + .milliseconds(2760))
    #expect(world.nodes["a"]?.instance.standing(of: "home").isServedHere == true)
    world.now = world.now + .milliseconds(2760)
    world.watchLease("a")
    #expect(world.withdrawals("a").count == 1)
    // The outcome, whichever, does not bring it back.
    for outcome in [TransitionOutcome.done, .failed("timed out"), .conflict] {
      var ended = world
      if outcome == .done { #expect(ended.store.make(transition) == .done) }
      ended.input("a") { $0.onTransition(transition, outcome, now: $1) }
      #expect(ended.activity("a") == .givenUp)
      #expect(ended.nodes["a"]?.plan == nil)
    }
  }

  @Test func theBeatsWhileAServiceIsBeingLetGoStillCompareItsOwnerKey() throws {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.ask(.move(to: "b"))
    world.now = world.now + .milliseconds(500)
    let view = world.store.view(startedAt: world.now + .nanoseconds(1))
    _ = world.nodes["a"]?.instance.onLook(view, now: world.now)
    world.beat("a")
    #expect(world.nodes["a"]?.lastRenewal?.owners["home"] == world.store.owners["home"])
  }

  @Test func aReleaseThatWasWithdrawnLeavesNoMarkOnTheNextAdoption() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.finishesPlans = false
    world.ask(.move(to: "b"))
    world.pass(.milliseconds(500))
    world.nodes["a"]?.isReadOnly = true
    world.pass(.seconds(3))
    #expect(world.withdrawals("a").count == 1)
    world.endPlan("a", .gaveUp("address: stuck"))
    // It adopts anew; the claim happens, its answer is lost.
    world.nodes["a"]?.isReadOnly = false
    world.nodes["a"]?.losesTransitions = true
    world.pass(.milliseconds(500))
    #expect(world.owner()?.epoch == 2)
    world.nodes["a"]?.losesTransitions = false
    world.finishesPlans = true
    world.pass(.seconds(4))
    #expect(world.isServed(by: "a"))
    #expect(world.owner()?.epoch == 2)
    // And the lease ends this adoption as it ends every other.
    _ = world.takeDirectives("a")
    #expect(world.nodes["a"]?.instance.giveUpAt != nil)
    world.nodes["a"]?.isCut = true
    world.pass(.seconds(4))
    #expect(world.withdrawals("a").count == 1)
  }

  @Test func aReleaseThatWasNotAnsweredAndHappenedIsCarriedOut() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.finishesPlans = false
    world.ask(.move(to: "b"))
    world.nodes["a"]?.losesAnswers = true
    world.pass(.milliseconds(500))
    #expect(world.owner()?.state == .releasing)
    #expect(world.nodes["a"]?.plan == nil)
    world.nodes["a"]?.losesAnswers = false
    world.store.requests["home"] = nil
    world.pass(.seconds(2))
    #expect(world.nodes["a"]?.directives.last == .resumePlan("home", epoch: 1, fromStart: false))
    #expect(world.nodes["a"]?.plan?.kind == .release)
  }

  // MARK: - Health

  @Test func anUnwellOwnerStopsBeatingAndReleasesToTheBestLivingCandidate() throws {
    var world = SmallWorld.serving()
    world.nodes["b"]?.isDead = true
    world.pass(.seconds(2))
    let beats = world.nodes["a"]?.renewals
    world.input("a") { $0.onHealth(.unhealthy(["nfs v3 over tcp: refused (3 times)"]), now: $1) }
    world.finishesPlans = false
    world.pass(.seconds(1))
    #expect(world.nodes["a"]?.renewals == beats)
    #expect(world.nodes["a"]?.instance.isBeatingNow == false)
    let release = try #require(world.nodes["a"]?.plan)
    #expect(release.kind == .release)
    #expect(release.to == "c")
    #expect(release.because == "a is unhealthy: nfs v3 over tcp: refused (3 times)")
    #expect(world.owner()?.reservedFor == "c")
    world.finishesPlans = true
    world.pass(.seconds(2))
    #expect(world.isServed(by: "c"))
  }

  @Test func anUnwellOwnerWithoutAHeirServesUntilItsLeaseEnds() {
    var world = SmallWorld.serving(nodes: ["a"])
    world.input("a") { $0.onHealth(.unhealthy(["x"]), now: $1) }
    world.pass(.milliseconds(2500))
    #expect(world.withdrawals("a").isEmpty)
    world.pass(.milliseconds(500))
    #expect(world.withdrawals("a").count == 1)
    #expect(world.owner()?.state == .online)
    world.input("a") { $0.onHealth(.healthy, now: $1) }
    world.pass(.seconds(2))
    #expect(world.isServed(by: "a"))
    #expect(world.owner()?.epoch == 2)
  }

  @Test func aReleaseThatGaveUpIsWithdrawnToldAndTakenUpAgain() throws {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.finishesPlans = false
    world.ask(.move(to: "b"))
    world.pass(.milliseconds(500))
    _ = world.takeDirectives("a")
    world.endPlan("a", .gaveUp("storage: busy"))
    #expect(world.store.problem("home") == "storage: busy")
    // The lease does not watch what is given up: nothing of it may be left.
    #expect(world.withdrawals("a").count == 1)
    world.finishesPlans = true
    world.pass(.seconds(2))
    #expect(world.isServed(by: "a"))
    #expect(world.owner() == Ownership(node: "a", epoch: 2, state: .online, boot: "a-1"))
    let claim = try #require(world.transitions("a").first)
    #expect(claim.plan.request == nil)
  }

  // MARK: - Somebody else's epoch

  @Test func anOwnerKeyThatNamesAnotherIsObeyedAtTheLook() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.store.set("home", Ownership(node: "b", epoch: 2, state: .adopting, boot: "b-1"))
    world.now = world.now + .milliseconds(100)
    let view = world.store.view(startedAt: world.now)
    world.input("a") { $0.onLook(view, now: $1) }
    #expect(
      world.takeDirectives("a") == [
        .stopPlan("home"),
        .withdraw("home", because: "the store says that it belongs to b with epoch 2"),
      ])
  }

  @Test func andAtTheBeatWhichDoesNotRenewTheLease() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    let beat = world.store.beats["a"]
    world.store.set("home", Ownership(node: "b", epoch: 2, state: .adopting, boot: "b-1"))
    world.now = world.now + .milliseconds(500)
    world.beat("a")
    #expect(world.takeDirectives("a").first == .stopPlan("home"))
    #expect(world.withdrawals("a").isEmpty)
    #expect(world.store.beats["a"] == beat)
    #expect(world.nodes["a"]?.instance.standing(of: "home").isServedHere == false)
  }

  @Test func andBeforeAStepOfAPlan() {
    var world = SmallWorld()
    world.finishesPlans = false
    world.start("a")
    world.pass(.seconds(2))
    _ = world.takeDirectives("a")
    let other = Ownership(node: "b", epoch: 2, state: .adopting, boot: "b-1")
    world.input("a") { $0.onOwnerKey("home", other.bytes, now: $1) }
    #expect(world.takeDirectives("a").first == .stopPlan("home"))
    // The plan's own end comes later and changes nothing.
    world.input("a") { $0.onPlanEnded("home", .done(other), now: $1) }
    #expect(world.nodes["a"]?.instance.standing(of: "home").isServedHere == false)
  }

  @Test func itsOwnNameWithAnotherEpochIsALossToo() {
    var world = SmallWorld.serving(nodes: ["a"])
    world.store.set("home", Ownership(node: "a", epoch: 9, state: .online, boot: "a-1"))
    world.pass(.milliseconds(500))
    #expect(world.withdrawals("a").count == 1)
  }

  /// What a look does not find may be a cache's fault; the beat's comparison is the store's own word.
  @Test func aKeyThatIsDeletedEndsTheServingWithTheNextBeat() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.store.owners["home"] = nil
    world.pass(world.timings.interval)
    #expect(world.withdrawals("a").count == 1)
  }

  @Test func aKeyThatIsDamagedEndsTheServingAtOnce() throws {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    let before = world.store.owners["home"]
    world.store.owners["home"] = bytes("rubbish")
    world.now = world.now + .milliseconds(100)
    let view = world.store.view(startedAt: world.now)
    let directives = world.nodes["a"]?.instance.onLook(view, now: world.now) ?? []
    #expect(directives.contains(.withdraw("home", because: "the store says that it belongs to nobody")))
    // When somebody mends it, what was withdrawn needs the whole recovery and not a resumption.
    world.store.owners["home"] = before
    world.pass(.seconds(2))
    #expect(world.transitions("a").first?.plan.kind == .adoption)
    #expect(world.owner()?.epoch == 2)
  }

  @Test func theStateThatItsOwnPlanWroteIsNoLossAtTheBeat() {
    var world = SmallWorld()
    world.finishesPlans = false
    world.start("a")
    world.pass(.seconds(2))
    _ = world.takeDirectives("a")
    // The plan's last step is in the store; its end is not yet reported.
    let online = Ownership(node: "a", epoch: 1, state: .online, boot: "a-1")
    world.store.set("home", online)
    world.now = world.now + .milliseconds(500)
    world.beat("a")
    #expect(world.takeDirectives("a") == [])
    #expect(world.nodes["a"]?.lastRenewal?.owners["home"] == online.bytes)
    #expect(world.store.beats["a"] == world.nodes["a"]?.lastRenewal?.beat)
    world.endPlan("a", .done(online))
    world.pass(.seconds(5))
    #expect(world.takeDirectives("a") == [])
    #expect(world.isServed(by: "a"))
  }

  @Test func aLookThatBeganBeforeItsOwnWriteIsOutOfDate() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.nodes["a"]?.isDead = true
    world.pass(.seconds(3))
    let old = world.store.view(startedAt: world.now)
    world.finishesPlans = false
    world.pass(.seconds(2))
    #expect(world.nodes["b"]?.plan != nil)
    world.input("b") { $0.onLook(old, now: $1) }
    #expect(world.withdrawals("b").isEmpty)
    #expect(world.nodes["b"]?.instance.standing(of: "home").isServedHere == true)
  }

  @Test func aPlanThatLostItsEpochIsWithdrawn() {
    var world = SmallWorld()
    world.finishesPlans = false
    world.start("a")
    world.pass(.seconds(2))
    _ = world.takeDirectives("a")
    world.endPlan("a", .lost)
    #expect(world.takeDirectives("a") == [.withdraw("home", because: "another node owns it now")])
    #expect(world.activity("a") == NodeInstance.Activity.none)
  }

  @Test func anOutcomeThatNobodyAskedForChangesNothing() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    let transition = Transition(
      service: "home", expected: nil, silentBeat: nil,
      ownership: Ownership(node: "b", epoch: 7, state: .adopting, boot: "b-1"),
      plan: Plan.opening(of: .named(), by: "b", because: "x"))
    world.input("b") { $0.onTransition(transition, .done, now: $1) }
    world.input("b") { $0.onPlanEnded("home", .gaveUp("x"), now: $1) }
    world.input("b") { $0.onNoJournal("home", now: $1) }
    world.input("b") { $0.onPlanEnded("nowhere", .lost, now: $1) }
    #expect(world.takeDirectives("b") == [])
    #expect(world.activity("b") == NodeInstance.Activity.none)
  }
}
