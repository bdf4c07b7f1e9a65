import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("A node that owned something when it went away (M5, M6, B5)")
struct NodeReturnTests {
  /// `a`'s daemon is killed and starts again.
  private func restarted(
    _ world: inout SmallWorld, after pause: Duration = .seconds(1), boot: String = "1",
    health: HealthJudge.Verdict = .healthy
  ) {
    world.nodes["a"]?.isDead = true
    world.pass(pause)
    world.start("a", boot: boot, run: "r2", health: health)
  }

  @Test func afterARestartOfTheDaemonItGoesOnUnderItsEpoch() {
    var world = SmallWorld.serving()
    restarted(&world)
    world.pass(.seconds(2))
    #expect(world.isServed(by: "a"))
    #expect(world.owner()?.epoch == 1)
    let directives = world.takeDirectives("a")
    #expect(directives == [.run(Plan.resumption(of: .named(), by: "a", epoch: 1))])
  }

  @Test func afterARebootItAdoptsItsOwnServiceAnew() throws {
    var world = SmallWorld.serving(nodes: ["a"])
    let before = world.store.owners["home"]
    restarted(&world, boot: "2")
    world.pass(.seconds(8))
    #expect(world.isServed(by: "a"))
    #expect(world.owner() == Ownership(node: "a", epoch: 2, state: .online, boot: "a-2"))
    let claim = try #require(world.transitions("a").first)
    #expect(claim.expected == before)
    #expect(claim.silentBeat == nil)
    #expect(claim.plan.kind == .adoption)
    #expect(claim.plan.from == "a")
    #expect(claim.plan.steps.first == .skipped(.fence, "the last owner is this node itself"))
    #expect(world.withdrawals("a").isEmpty)
  }

  @Test func anAdoptionThatADaemonLeftGoesOnWhereItWas() {
    var world = SmallWorld()
    world.finishesPlans = false
    world.start("a")
    world.pass(.seconds(2))
    restarted(&world)
    world.pass(.seconds(2))
    #expect(world.takeDirectives("a") == [.resumePlan("home", epoch: 1, fromStart: false)])
    world.finishPlan("a")
    #expect(world.isServed(by: "a"))
  }

  @Test func anAdoptionThatARebootInterruptedBeginsAgainUnderItsJournal() {
    var world = SmallWorld()
    world.finishesPlans = false
    world.start("a")
    world.pass(.seconds(2))
    restarted(&world, boot: "2")
    world.pass(.seconds(6))
    #expect(world.takeDirectives("a") == [.resumePlan("home", epoch: 1, fromStart: true)])
  }

  @Test func aReleaseThatADaemonLeftGoesOnAfterARebootItIsUndone() {
    for boot in ["1", "2"] {
      var world = SmallWorld.serving(nodes: ["a", "b"])
      world.finishesPlans = false
      world.ask(.move(to: "b"))
      world.pass(.milliseconds(500))
      #expect(world.owner()?.state == .releasing)
      world.nodes["b"]?.isDead = true
      restarted(&world, boot: boot)
      world.pass(.seconds(6))
      if boot == "1" {
        #expect(world.takeDirectives("a") == [.resumePlan("home", epoch: 1, fromStart: false)])
      } else {
        #expect(world.owner() == Ownership(node: "a", epoch: 2, state: .adopting, boot: "a-2"))
      }
    }
  }

  @Test func aJournalThatSomebodyRemovedLeadsToAnAdoptionFromTheStart() {
    var world = SmallWorld()
    world.finishesPlans = false
    world.start("a")
    world.pass(.seconds(2))
    world.store.journals["home"] = nil
    restarted(&world)
    world.pass(.seconds(2))
    #expect(world.owner() == Ownership(node: "a", epoch: 2, state: .adopting, boot: "a-1"))
    #expect(world.nodes["a"]?.plan?.kind == .adoption)
    // What the plan had brought up is not covered by the lease during the claim.
    #expect(world.withdrawals("a").count == 1)
  }

  @Test func whatItReleasedItTakesBackOnlyIfNobodyElseLives() {
    var world = SmallWorld.serving()
    world.finishesPlans = false
    world.ask(.move(to: "b"))
    world.pass(.milliseconds(500))
    for node: NodeName in ["b", "c"] { world.nodes[node]?.isDead = true }
    world.finishPlan("a")
    #expect(world.owner() == Ownership(node: "a", epoch: 1, state: .released, boot: "a-1", reservedFor: "b"))
    // The heir is waited for as long as it may live.
    world.pass(.seconds(3))
    #expect(world.owner()?.epoch == 1)
    world.finishesPlans = true
    world.pass(until: { $0.isServed(by: "a") }, "taken back")
    #expect(world.owner()?.epoch == 2)
    world.pass(.seconds(1))
    #expect(world.store.problem("home") == "b does not beat; nothing was released")
  }

  @Test func aStoreThatCanNotBeReadSinceTheStartEndsWithTheLease() {
    var world = SmallWorld.serving(nodes: ["a"])
    world.nodes["a"]?.isDead = true
    world.pass(.milliseconds(500))
    world.start("a", run: "r2")
    world.nodes["a"]?.isCut = true
    let startedAt = world.now
    #expect(world.nodes["a"]?.instance.giveUpAt == startedAt + .milliseconds(2760))
    world.pass(.milliseconds(2500))
    #expect(world.withdrawals("a").isEmpty)
    world.pass(.milliseconds(500))
    #expect(world.withdrawals("a") == ["the store could not be read since the daemon started"])
    #expect(world.nodes["a"]?.instance.giveUpAt == nil)
    world.pass(.seconds(60))
    #expect(world.withdrawals("a").count == 1)
    // Given up means: what is taken up again is recovered.
    world.nodes["a"]?.isCut = false
    world.pass(.seconds(3))
    #expect(world.isServed(by: "a"))
    #expect(world.owner()?.epoch == 2)
  }

  @Test func aStoreThatCanBeReadAndNotWrittenSinceTheStartDoesToo() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    restarted(&world, after: .milliseconds(500))
    world.nodes["a"]?.isReadOnly = true
    let startedAt = world.now
    world.pass(until: { !$0.withdrawals("a").isEmpty }, "given up")
    #expect(world.now - startedAt <= .seconds(3))
    #expect(world.withdrawals("a") == ["no beat has reached the store since the daemon started"])
    #expect(world.owner()?.node == "a", "it is withdrawn before the other claims")
    world.pass(until: { $0.isServed(by: "b") }, "adopted")
  }

  @Test func soDoesADaemonThatStartsAgainUnwell() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    restarted(&world, after: .milliseconds(500), health: .unhealthy(["nfs: refused"]))
    world.pass(until: { !$0.withdrawals("a").isEmpty }, "given up")
    #expect(world.owner()?.node == "a", "it is withdrawn before the other claims")
    world.pass(until: { $0.isServed(by: "b") }, "adopted")
  }

  @Test func whatTheDaemonBeforeGaveUpNeedsMoreThanAResumption() {
    for state in [Ownership.State.online, .adopting] {
      var world = SmallWorld()
      world.finishesPlans = state == .online
      world.start("a")
      world.pass(.seconds(2))
      world.nodes["a"]?.isCut = true
      world.pass(.seconds(5))
      #expect(world.withdrawals("a").count == 1)
      world.start("a", run: "r2", withdrawn: ["home"])
      world.pass(.seconds(1))
      if state == .online {
        #expect(world.transitions("a").map(\.plan.kind) == [.adoption])
        #expect(world.owner()?.epoch == 2)
      } else {
        #expect(
          world.takeDirectives("a") == [
            .withdraw("home", because: "an earlier daemon has given it up"),
            .resumePlan("home", epoch: 1, fromStart: true),
          ])
      }
    }
  }

  /// Found by the simulator: the earlier daemon was killed before its withdrawal ended, and nobody watched what was left.
  @Test func whatAnEarlierDaemonGaveUpIsWithdrawnAgainByTheNext() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.nodes["a"]?.isCut = true
    world.pass(.seconds(3))
    world.start("a", run: "r2", withdrawn: ["home"])
    world.nodes["a"]?.losesTransitions = true
    world.pass(.seconds(1))
    #expect(world.withdrawals("a") == ["an earlier daemon has given it up"])
  }

  /// Found by the simulator: a file system's cache showed the key of before the adoption.
  @Test func anOlderOwnerKeyThanItsOwnDeposesNobody() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.nodes["a"]?.isDead = true
    world.pass(until: { $0.isServed(by: "b") })
    _ = world.takeDirectives("b")
    let old = Ownership(node: "a", epoch: 1, state: .online, boot: "a-1").bytes
    for old in [old, nil] {
      let view = NodeView(startedAt: world.now + .seconds(1), owners: old.map { ["home": $0] } ?? [:])
      world.input("b") { $0.onLook(view, now: $1 + .seconds(1)) }
      world.input("b") { $0.onOwnerKey("home", old, now: $1 + .seconds(1)) }
    }
    #expect(world.takeDirectives("b").isEmpty)
    #expect(world.isServed(by: "b"))
  }

  /// Found by the simulator: withdrawn, then resumed as if its locks were still there.
  @Test func whatWasWithdrawnIsRecoveredEvenWhereTheKeyComesBackAsItWas() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    let own = world.store.owners["home"]
    world.store.set("home", Ownership(node: "b", epoch: 2, state: .online, boot: "b-1"))
    world.nodes["b"]?.isDead = true
    world.pass(.seconds(1))
    #expect(world.withdrawals("a").count == 1)
    world.store.owners["home"] = own
    world.pass(.seconds(1))
    #expect(world.transitions("a").map(\.plan.kind) == [.adoption])
  }

  @Test func aMachineThatRebootedAfterAnAdoptionThatARebootInterruptedStillWatchesItsLease() {
    // The owner key names the boot of the claim, not that of the plan's end.
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.store.set("home", Ownership(node: "a", epoch: 1, state: .adopting, boot: "a-0"))
    restarted(&world, after: .milliseconds(500))
    world.pass(.milliseconds(500))
    world.nodes["a"]?.isCut = true
    world.pass(.seconds(3))
    #expect(world.withdrawals("a").count == 1)
  }

  @Test func whatAnotherAdoptedWhileTheDaemonWasAwayIsWithdrawnAtTheFirstLook() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    restarted(&world, after: .seconds(20))
    #expect(world.isServed(by: "b"))
    world.pass(.milliseconds(500))
    #expect(world.takeDirectives("a") == [.withdraw("home", because: "it belongs to b now")])
    world.pass(.seconds(20))
    #expect(world.takeDirectives("a") == [])
    #expect(world.isServed(by: "b"))
  }

  /// Found by the simulator (seed 16194): the store had lost the beat that told of an earlier daemon.
  @Test func whatStandsOnItsMachineGoesWhereItIsAnothersThoughTheStoreHasNoBeatOfItsOwn() {
    for stands in [true, false] {
      var world = SmallWorld.serving(nodes: ["a", "b"])
      world.nodes["a"]?.isDead = true
      world.pass(until: { $0.isServed(by: "b") })
      world.store.beats["a"] = nil
      world.start("a", run: "r2")
      world.nodes["a"]?.instance.onStanding(stands ? ["home"] : [])
      world.pass(.milliseconds(500))
      #expect(world.withdrawals("a") == (stands ? ["it belongs to b now"] : []))
      world.pass(.seconds(20))
      #expect(world.withdrawals("a").count == (stands ? 1 : 0))
      #expect(world.isServed(by: "b"))
    }
  }

  @Test func whatStandsThereAndNobodyOwnsStaysUntilSomebodyDoes() {
    var world = SmallWorld()
    world.start("b")
    world.nodes["b"]?.instance.onStanding(["home"])
    world.pass(.seconds(5))
    #expect(world.withdrawals("b").isEmpty)
    world.start("a")
    world.nodes["a"]?.instance.onStanding(["home"])
    world.pass(until: { $0.isServed(by: "a") })
    world.pass(.seconds(5))
    #expect(world.withdrawals("b") == ["it belongs to a now"])
    #expect(world.withdrawals("a").isEmpty)
    // Opened: from now on the lease is that of any owner.
    world.nodes["a"]?.isCut = true
    world.pass(.seconds(5))
    #expect(world.withdrawals("a") == ["the lease could not be renewed in time"])
  }

  @Test func aServiceThatHasLeftTheClusterIsLeftToItsOperator() {
    var world = SmallWorld()
    world.store.set("home", Ownership(node: "b", epoch: 4, state: .closed, boot: "b-1"))
    world.start("a")
    world.nodes["a"]?.instance.onStanding(["home"])
    world.pass(.seconds(10))
    #expect(world.withdrawals("a").isEmpty)
  }

  @Test func afterARebootNothingIsLeftToWithdraw() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    restarted(&world, after: .seconds(20), boot: "2")
    world.pass(.seconds(20))
    #expect(world.withdrawals("a").isEmpty)
    #expect(world.isServed(by: "b"))
  }
}
