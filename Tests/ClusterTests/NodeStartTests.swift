import Testing

@testable import Cluster

@Suite("A node's start: its name, its services (M8, B5)")
struct NodeStartTests {
  private func beat(place: String, counter: UInt64 = 7, stopped: Int? = nil) -> [UInt8] {
    Beat(
      instance: DaemonInstance(place: place, run: "other"), counter: counter, leaseMilliseconds: 4000,
      stoppedForMilliseconds: stopped
    ).bytes
  }

  // MARK: - The name

  @Test func aNameThatNobodyHasIsTakenAtTheFirstLook() {
    var world = SmallWorld()
    world.start("a")
    #expect(world.nodes["a"]?.instance.phase == .checkingName)
    world.pass(.milliseconds(500))
    #expect(world.nodes["a"]?.instance.phase == .running)
    #expect(world.store.beats["a"] == nil)
    world.pass(.milliseconds(500))
    #expect(world.store.beats["a"].flatMap(Beat.init(bytes:))?.counter == 1)
  }

  @Test func aNameThatBeatsElsewhereIsRefusedAndNothingIsWritten() {
    var world = SmallWorld()
    world.start("a")
    for counter in 1...20 {
      world.store.beats["a"] = beat(place: "elsewhere", counter: UInt64(counter))
      world.pass(.milliseconds(500))
    }
    #expect(world.nodes["a"]?.instance.phase == .refused)
    #expect(world.nodes["a"]?.renewals == 0)
    #expect(world.owner() == nil)
    guard case .refuse(let text)? = world.nodes["a"]?.directives.last else {
      Issue.record("the daemon goes on")
      return
    }
    #expect(text.contains("name a") && text.contains("give each node a name of its own"))
    #expect(world.nodes["a"]?.directives.count == 1)
  }

  @Test func aSilentBeatFromElsewhereIsWaitedForAWholeLease() {
    var world = SmallWorld()
    world.store.beats["a"] = beat(place: "elsewhere")
    world.start("a")
    world.pass(.milliseconds(4000))
    #expect(world.nodes["a"]?.instance.phase == .checkingName)
    world.pass(.milliseconds(500))
    #expect(world.nodes["a"]?.instance.phase == .running)
    world.pass(.milliseconds(500))
    #expect(world.nodes["a"]?.lastRenewal?.expectedBeat == beat(place: "elsewhere"))
    #expect(world.store.beats["a"].flatMap(Beat.init(bytes:))?.counter == 8)
  }

  @Test func aStoreThatWasAwayDuringTheCheckBeginsItAnew() {
    var world = SmallWorld()
    world.store.beats["a"] = beat(place: "elsewhere")
    world.start("a")
    world.pass(.milliseconds(500))
    world.nodes["a"]?.isCut = true
    world.pass(.seconds(60))
    world.nodes["a"]?.isCut = false
    world.pass(.milliseconds(3500))
    #expect(world.nodes["a"]?.instance.phase == .checkingName)
    world.pass(.seconds(1))
    #expect(world.nodes["a"]?.instance.phase == .running)
  }

  @Test func thePredecessorFromTheSamePlaceIsNotWaitedFor() {
    var world = SmallWorld()
    world.store.beats["a"] = beat(place: "a/boot-1")
    world.start("a")
    world.pass(.milliseconds(500))
    #expect(world.nodes["a"]?.instance.phase == .running)
  }

  @Test("What changes during the check and is nobody else's refuses nobody", arguments: [nil, "a/boot-1"])
  func changedDuringTheCheck(place: String?) {
    var world = SmallWorld()
    world.store.beats["a"] = beat(place: "elsewhere")
    world.start("a")
    world.pass(.seconds(1))
    // The last beat of a daemon that was killed here a moment ago lands; or somebody cleans up.
    world.store.beats["a"] = place.map { beat(place: $0) }
    world.pass(.milliseconds(500))
    #expect(world.nodes["a"]?.instance.phase == .running)
  }

  @Test func aDaemonThatSaidGoodbyeIsNotWaitedFor() {
    var world = SmallWorld()
    world.store.beats["a"] = beat(place: "elsewhere", stopped: 30_000)
    world.start("a")
    world.pass(.milliseconds(500))
    #expect(world.nodes["a"]?.instance.phase == .running)
  }

  @Test func ofTwoThatStartTogetherUnderOneNameOneIsRefused() {
    var world = SmallWorld()
    world.start("a")
    world.pass(.milliseconds(500))
    // The other one's first beat was faster.
    world.store.beats["a"] = beat(place: "elsewhere", counter: 1)
    world.pass(.milliseconds(500))
    #expect(world.nodes["a"]?.instance.phase == .refused)
    #expect(world.store.beats["a"] == beat(place: "elsewhere", counter: 1))
    world.pass(.seconds(60))
    #expect(world.nodes["a"]?.renewals == 1)
  }

  @Test func anOwnerWhoseNameIsTakenGivesUpAtOnce() {
    var world = SmallWorld.serving()
    world.store.beats["a"] = beat(place: "elsewhere")
    world.pass(.milliseconds(500))
    let directives = world.takeDirectives("a")
    #expect(directives.first == .stopPlan("home"))
    #expect(world.nodes["a"]?.instance.phase == .refused)
    #expect(world.activity("a") == .givenUp)
    #expect(
      directives.contains {
        if case .withdraw("home", _) = $0 { true } else { false }
      })
  }

  @Test func theLastBeatOfTheDaemonBeforeFromTheSamePlaceThatArrivesLateIsNobodyElse() {
    var world = SmallWorld()
    world.start("a", run: "r2")
    world.pass(.seconds(2))
    world.store.beats["a"] = beat(place: "a/boot-1")
    world.pass(.milliseconds(500))
    #expect(world.nodes["a"]?.instance.phase == .running)
    #expect(world.nodes["a"]?.lastRenewal?.expectedBeat == beat(place: "a/boot-1"))
  }

  @Test func aBeatWhoseAnswerWasLostIsItsOwnAndTheNextFollowsAtOnce() {
    var world = SmallWorld.serving()
    world.nodes["a"]?.losesAnswers = true
    world.pass(.milliseconds(500))
    let written = world.store.beats["a"]
    world.nodes["a"]?.losesAnswers = false
    world.pass(.milliseconds(500))
    #expect(world.nodes["a"]?.lastRenewal?.expectedBeat == written)
    #expect(world.store.beats["a"] != written)
    #expect(world.isServed(by: "a"))
  }

  @Test("A beat that somebody deleted or damaged is written anew", arguments: [nil, bytes("rubbish")])
  func deletedBeat(found: [UInt8]?) {
    var world = SmallWorld.serving()
    world.store.beats["a"] = found
    world.pass(.milliseconds(500))
    #expect(world.store.beats["a"].flatMap(Beat.init(bytes:)) != nil)
    #expect(world.isServed(by: "a"))
  }

  @Test func theLargestCounterInTheStoreDoesNotTrap() {
    var world = SmallWorld()
    world.store.beats["a"] = beat(place: "a/boot-1", counter: .max)
    world.start("a")
    world.pass(.seconds(5))
    #expect(world.isServed(by: "a"))
  }

  @Test func aDaemonThatStopsSaysSoOnceAndOnlyIfItBeats() throws {
    var world = SmallWorld.serving()
    let goodbye = world.nodes["a"]?.instance.onStop()
    let last = try #require(goodbye)
    #expect(Beat(bytes: last.beat)?.stoppedForMilliseconds == 30_000)
    #expect(last.expectedBeat == world.store.beats["a"])
    #expect(last.owners == world.store.owners)
    world.start("d", health: .unhealthy(["x"]))
    let early = world.nodes["d"]?.instance.onStop()
    #expect(early == nil)
    world.pass(.seconds(5))
    let unwell = world.nodes["d"]?.instance.onStop()
    #expect(unwell == nil)
  }

  // MARK: - The first opening

  @Test func aServiceIsOpenedFirstAtHomeOnly() {
    var world = SmallWorld()
    for node: NodeName in ["b", "c"] { world.start(node) }
    world.pass(.seconds(60))
    #expect(world.owner() == nil)
    world.start("a")
    world.finishesPlans = false
    world.pass(.seconds(2))
    #expect(world.owner() == Ownership(node: "a", epoch: 1, state: .adopting, boot: "a-1"))
    #expect(world.transitions("a").count == 1)
    #expect(world.transitions("a").first?.expected == nil)
    #expect(world.nodes["a"]?.plan?.kind == .opening)
    world.finishPlan("a")
    #expect(world.isServed(by: "a"))
    #expect(world.nodes["a"]?.instance.standing(of: "home").isServedHere == true)
  }

  @Test(
    "Not before it is well, and not before a beat has reached the store",
    arguments: [HealthJudge.Verdict.unproven, .unhealthy(["nfs: refused"])])
  func notBeforeItIsWell(health: HealthJudge.Verdict) {
    var world = SmallWorld()
    world.start("a", health: health)
    world.pass(.seconds(30))
    #expect(world.owner() == nil)
    #expect(world.nodes["a"]?.renewals == 0)
    world.input("a") { $0.onHealth(.healthy, now: $1) }
    world.nodes["a"]?.isReadOnly = true
    world.pass(.seconds(30))
    #expect(world.owner() == nil)
    #expect(world.transitions("a").isEmpty)
    world.nodes["a"]?.isReadOnly = false
    world.pass(.seconds(2))
    #expect(world.isServed(by: "a"))
  }

  @Test func anOrderOpensAServiceElsewhereAndIsAnsweredByIt() {
    var world = SmallWorld()
    world.start("b")
    world.order(.move(to: "b"))
    world.pass(.seconds(5))
    #expect(world.isServed(by: "b"))
    #expect(world.store.orders["home"] == nil)
    #expect(world.owner()?.epoch == 1)
  }

  @Test func anOwnerKeyThatCanNotBeReadIsLeftAloneAndToldOnce() {
    var world = SmallWorld()
    world.store.owners["home"] = bytes("<<<<<<< HEAD\n")
    for node: NodeName in ["a", "b"] { world.start(node) }
    world.pass(.seconds(60))
    #expect(world.store.owners["home"] == bytes("<<<<<<< HEAD\n"))
    #expect(world.transitions("a").isEmpty && world.transitions("b").isEmpty)
    #expect(
      world.nodes["a"]?.directives.filter { if case .note = $0 { true } else { false } }.count == 1)
  }

  @Test("An epoch at the end of its range traps nobody", arguments: [UInt64.max, Ownership.largestEpoch])
  func lastEpoch(epoch: UInt64) {
    var world = SmallWorld()
    world.store.owners["home"] = bytes("node: a\nepoch: \(epoch)\nstate: online\nboot: gone\n")
    for node: NodeName in ["a", "b"] { world.start(node) }
    world.pass(.seconds(60))
    _ = world.nodes["a"]?.instance.plannedMigration(of: "home", to: "b", order: .move(to: "b"))
  }
}

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
      world.order(.move(to: "b"))
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
    world.order(.move(to: "b"))
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
    #expect(world.store.order("home")?.problem == "b does not beat; nothing was released")
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
        #expect(world.takeDirectives("a") == [.resumePlan("home", epoch: 1, fromStart: true)])
      }
    }
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

  @Test func afterARebootNothingIsLeftToWithdraw() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    restarted(&world, after: .seconds(20), boot: "2")
    world.pass(.seconds(20))
    #expect(world.withdrawals("a").isEmpty)
    #expect(world.isServed(by: "b"))
  }
}
