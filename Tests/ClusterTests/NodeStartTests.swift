import Testing

@testable import Cluster
@testable import ClusterSimulator

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

  @Test func itsOwnBeatIsLookedAtUntilItHasItsNameAndItsPast() {
    var world = SmallWorld()
    world.start("a")
    #expect(world.nodes["a"]?.instance.nodesToLookAt.contains("a") == true)
    world.pass(.milliseconds(1000))
    #expect(world.nodes["a"]?.instance.nodesToLookAt == world.nodes["a"]?.instance.peerNames)
    // A foreign beat is found by the next renewal all the same.
    world.store.beats["a"] = beat(place: "elsewhere")
    world.pass(.milliseconds(500))
    #expect(world.nodes["a"]?.instance.phase == .refused)
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
    world.ask(.move(to: "b"))
    world.pass(.seconds(5))
    #expect(world.isServed(by: "b"))
    #expect(world.store.requests["home"] == nil)
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
  }
}
