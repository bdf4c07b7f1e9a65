import StatusMonitor
import Testing

@testable import Cluster

/// M7: whose restart it was, and whom it concerns.
@Suite("An NFS server that nobody here has restarted (M7)")
struct ServerRestartsTests {
  private var restarts = ServerRestarts(
    [
      .init(name: "home", server: .shared, isToldByCommand: false),
      .init(name: "work", server: .shared, isToldByCommand: true),
      .init(name: "apart", server: .isolated, isToldByCommand: false),
      .init(name: "goose", server: .ganesha, isToldByCommand: false),
    ], gracePeriod: .seconds(90))

  private func sight(_ second: Int, grace: Bool, lockd: Int? = nil) -> ServerStartWatch.Sight {
    .init(
      isServing: true, isInGrace: grace, lockManagerStart: lockd.map { at(.seconds($0)) },
      asked: at(.seconds(second)))
  }

  @Test mutating func whatSomebodyElseRestartsConcernsAllThatItServes() throws {
    #expect(restarts.onShared(sight(1, grace: false), planned: 0, plannedInSight: 0) == nil)
    let found = restarts.onShared(sight(2, grace: true), planned: 0, plannedInSight: 0)
    let restart = try #require(found)
    #expect(restart.waiting == ["home", "work"])
    #expect(restart.due == at(.seconds(92)))
    // While it stopped somebody may have been told something else: not before it served again was it of this.
    #expect(!restart.isKnown(toldAt: at(milliseconds: 1_900)))
    #expect(restart.isKnown(toldAt: at(.seconds(2))))
    #expect(restarts.graceLeft(of: "home", length: .seconds(90), now: at(.seconds(11))) == .seconds(80))
    #expect(restarts.graceLeft(of: "goose", length: .seconds(90), now: at(.seconds(11))) == nil)
  }

  @Test mutating func aPlansOwnRestartIsNobodyElses() {
    _ = restarts.onShared(sight(1, grace: false), planned: 0, plannedInSight: 0)
    // Begun, and half seen.
    #expect(restarts.onShared(sight(2, grace: true), planned: 1, plannedInSight: nil) == nil)
    #expect(restarts.onShared(sight(3, grace: true), planned: 1, plannedInSight: 1) == nil)
    #expect(restarts.onShared(sight(99, grace: false), planned: 1, plannedInSight: 1) == nil)
    // The next one is somebody else's again.
    #expect(restarts.onShared(sight(100, grace: true), planned: 1, plannedInSight: 1) != nil)
  }

  @Test mutating func aPlansRestartThatShowsOnlyWhenItIsOverIsNobodyElses() {
    _ = restarts.onShared(sight(1, grace: false), planned: 0, plannedInSight: 0)
    #expect(restarts.onShared(sight(9, grace: true), planned: 1, plannedInSight: 1) == nil)
    #expect(restarts.onShared(sight(10, grace: true), planned: 1, plannedInSight: 1) == nil)
  }

  @Test mutating func aServerThatADaemonSeesForTheFirstTimeIsNoAlarmWhereACommandTells() throws {
    let found = restarts.onShared(sight(30, grace: true, lockd: 12), planned: 0, plannedInSight: 0)
    let restart = try #require(found)
    #expect(restart.waiting == ["home"])
    #expect(restart.isKnown(toldAt: at(.seconds(12))) && !restart.isKnown(toldAt: at(.seconds(11))))
  }

  @Test mutating func whatAPlanHasToldAfterTheStartOfAnIsolatedServerWasOfThatStart() throws {
    #expect(restarts.onIsolated("apart", sight(1, grace: false)) == nil)
    let found = restarts.onIsolated("apart", sight(5, grace: true))
    let restart = try #require(found)
    #expect(restart.waiting == ["apart"])
    #expect(restart.isKnown(toldAt: at(.seconds(2))) && !restart.isKnown(toldAt: at(milliseconds: 900)))
    #expect(restarts.graceLeft(of: "apart", length: .seconds(90), now: at(.seconds(11))) == .seconds(80))
    #expect(restarts.graceLeft(of: "home", length: .seconds(90), now: at(.seconds(11))) == nil)
  }

  @Test func ganeshaConcernsItsOwn() {
    let restart = restarts.onGanesha(at(.seconds(7)))
    #expect(restart.waiting == ["goose"] && restart.due == at(.seconds(97)))
  }
}

/// M7: who is told, when, and what.
@Suite("Telling of a restart that nobody here has asked for (M7)")
struct UntoldRestartTests {
  private var restart = UntoldRestart(
    because: "test", server: .shared, start: at(.seconds(10)), due: at(.seconds(100)),
    services: ["home", "work", "third"])

  @Test mutating func whoeverIsOnlineIsToldAtOnceAndOthersWhenTheirPlanHasEnded() {
    let first: [ServiceName: UntoldRestart.Whereabouts] = [
      "home": .online, "work": .unsettled, "third": .elsewhere,
    ]
    #expect(restart.onLook { first[$0] ?? .elsewhere } == ["home"])
    #expect(restart.waiting == ["work"] && !restart.isOver(at: at(.seconds(20))))
    #expect(restart.onLook { _ in .unsettled } == [])
    #expect(restart.onLook { _ in .online } == ["work"])
    #expect(restart.isOver(at: at(.seconds(20))))
    #expect(restart.onLook { _ in .online } == [], "nobody is told twice")
  }

  @Test mutating func whoeverGoesToAnotherNodeIsToldThere() {
    _ = restart.onLook { _ in .unsettled }
    #expect(restart.onLook { _ in .elsewhere } == [] && restart.isOver(at: at(.seconds(20))))
  }

  @Test mutating func nobodyIsWaitedForWhenNothingCanBeReclaimedAnyMore() {
    _ = restart.onLook { _ in .unsettled }
    #expect(!restart.isOver(at: at(.seconds(99))) && restart.isOver(at: at(.seconds(100))))
  }

  @Test func whatAnEarlierDaemonHasBegunIsWaitedForWhileTimeIsLeftForTheOthers() {
    #expect(restart.waitsForOthers(at: at(.seconds(54))) && !restart.waitsForOthers(at: at(.seconds(55))))
    let isolated = UntoldRestart(
      because: "test", server: .isolated, start: at(.seconds(10)), due: at(.seconds(100)), services: ["home"])
    #expect(!isolated.waitsForOthers(at: at(.seconds(11))))
  }

  @Test mutating func allAreToldTheSameNumber() throws {
    let (five, nine) = (try number(5), try number(9))
    #expect(restart.onNumbers([]) == nil)
    #expect(restart.onNumbers([five, nine]) == nine)
    #expect(
      restart.onNumbers([try number(11)]) == nine, "whoever comes later hears what the others have heard")
  }

  @Test mutating func whatTheNodesOwnClientsWereToldOfItIsToldToAll() throws {
    restart.onTold(try number(7), at: at(.seconds(9)))
    #expect(restart.number == nil, "that was of an earlier restart")
    restart.onTold(try number(9), at: at(.seconds(11)))
    #expect(restart.onNumbers([try number(11)]) == (try number(9)))
  }

  private func number(_ value: Int32) throws -> StateNumber { try #require(StateNumber(value)) }

  @Test func whatFailsIsTriedAgainWhileThereIsTimeUnlessItFailsForGood() {
    func next(
      _ whereabouts: UntoldRestart.Whereabouts, isForGood: Bool = false, _ seconds: Int
    ) -> UntoldRestart.AfterFailure {
      restart.afterFailure(isForGood: isForGood, at: whereabouts, now: at(.seconds(seconds)))
    }
    #expect(next(.online, 99) == .tryAgain && next(.online, 100) == .giveUp)
    #expect(next(.online, isForGood: true, 20) == .giveUp)
    #expect(!restart.isKnown(toldAt: nil))
  }

  /// A plan that has just begun: the error is about that moment, and what follows tells them or can be waited for.
  @Test func whoMovesMeanwhileIsLeftToTheNextOwner() {
    for isForGood in [false, true] {
      func next(_ whereabouts: UntoldRestart.Whereabouts, _ seconds: Int) -> UntoldRestart.AfterFailure {
        restart.afterFailure(isForGood: isForGood, at: whereabouts, now: at(.seconds(seconds)))
      }
      #expect(next(.unsettled, 99) == .tryAgain && next(.unsettled, 100) == .giveUp)
      #expect(next(.elsewhere, 20) == .leaveToNextOwner && next(.elsewhere, 100) == .leaveToNextOwner)
    }
  }
}

/// M7: where a service is, as far as telling its clients goes.
@Suite("Where a service is (M7)")
struct WhereaboutsTests {
  private func whereabouts(
    _ world: SmallWorld, _ node: NodeName, isBusy: Bool = false
  ) -> UntoldRestart.Whereabouts? {
    world.nodes[node]?.instance.whereabouts(of: "home", isBusy: isBusy)
  }

  @Test func aServiceIsOnlineHereOrElsewhereAndUnsettledWhileItMoves() {
    var world = SmallWorld()
    for name in ["a", "b"] as [NodeName] { world.start(name) }
    #expect(whereabouts(world, "a") == .unsettled, "the store was not read yet")
    world.pass { $0.nodes["a"]?.instance.isServing("home") == true && $0.owner()?.state == .online }
    world.pass(.seconds(1))
    #expect(whereabouts(world, "a") == .online)
    #expect(whereabouts(world, "a", isBusy: true) == .unsettled)
    #expect(whereabouts(world, "b") == .elsewhere)
    #expect(world.nodes["b"]?.instance.whereabouts(of: "unknown", isBusy: false) == .unsettled)
  }

  @Test func whatTheStoreCallsOursIsUnsettledUntilThisDaemonHasTakenItUp() {
    var world = SmallWorld()
    world.start("a")
    world.pass { $0.owner()?.state == .online }
    world.start("a", run: "r2")
    world.finishesPlans = false
    for _ in 0..<8 {
      #expect(whereabouts(world, "a", isBusy: world.nodes["a"]?.plan != nil) == .unsettled)
      world.pass(.milliseconds(500))
    }
  }
}
