import Cluster
import StatusMonitor
import Testing

@Suite("What leaves the store, and what does not (M1, rule 5 of the architecture)")
struct MirrorDepartureTests {
  /// Ten records, all mirrored.
  private func settled(_ count: Int = 10) -> MirrorProbe {
    var mirror = MirrorProbe()
    mirror.settle(clients(0..<count))
    return mirror
  }

  @Test func aSingleDepartureIsDeletedAfterTheDelayAndNotBefore() {
    var mirror = settled()
    mirror.removed(["client3"])
    #expect(mirror.state("client3") == .departing)
    #expect(mirror.report.departing == 1)
    #expect(mirror.wakeAt == mirror.now + .seconds(120))
    mirror.pass(.seconds(120) - .milliseconds(1))
    mirror.scan(clients(0..<3).merging(clients(4..<10)) { $1 })
    #expect(mirror.batches.isEmpty)
    mirror.pass(.milliseconds(1))
    #expect(mirror.lastChanges == ["client3": nil])
    mirror.committed()
    #expect(mirror.state("client3") == nil)
    #expect(mirror.instance.isSettled)
  }

  @Test func unlinkAndCreateIsARenewalAndNoDeparture() {
    var mirror = settled()
    mirror.removed(["client3"])
    mirror.written("client3", bytes("record 3\n"))
    #expect(mirror.state("client3") == .mirrored)
    mirror.pass(.seconds(600))
    #expect(mirror.batches.isEmpty)
  }

  @Test func aFileThatIsCreatedAndStillEmptyIsBack() {
    var mirror = settled()
    mirror.removed(["client3"])
    mirror.written("client3", [])
    mirror.pass(.seconds(600))
    #expect(mirror.deleted == [])
  }

  @Test func renewalsOfEverybodyAreNoBurst() {
    var mirror = settled()
    for round in 0..<5 {
      for (client, record) in clients(0..<10).sorted(by: { $0.key < $1.key }) {
        mirror.removed([client])
        mirror.written(client, record + bytes("line \(round)\n"))
      }
    }
    #expect(mirror.report.frozenBecause == [])
  }

  @Test func aSecondUnlinkBeginsTheDelayAnew() {
    var mirror = settled()
    mirror.removed(["client3"])
    mirror.pass(.seconds(100))
    mirror.written("client3", bytes("record 3\n"))
    mirror.removed(["client3"])
    mirror.pass(.seconds(119))
    #expect(mirror.deleted == [])
    mirror.pass(.seconds(1))
    #expect(mirror.deleted == ["client3"])
  }

  @Test func whatIsMissingAtAScanIsKept() {
    var mirror = settled()
    mirror.scan(clients(0..<2))
    #expect(mirror.report.seen == 2)
    #expect(mirror.report.retained == 8)
    #expect(mirror.state("client5") == .retained)
    mirror.pass(.seconds(3600))
    mirror.scan(clients(0..<2))
    #expect(mirror.batches.isEmpty)
  }

  @Test func whatOnlyTheStoreHasSinceBeforeTheStartIsKept() {
    var mirror = MirrorProbe(clients(0..<10))
    mirror.scan([:])
    mirror.pass(.seconds(3600))
    #expect(mirror.batches.isEmpty)
    #expect(mirror.report.retained == 10)
  }

  @Test func sixDeparturesWithinTheWindowFreezeAllDeletions() {
    var mirror = settled(20)
    mirror.removed(["client0"])
    mirror.pass(.seconds(60))
    for number in 1...5 { mirror.removed([ClientName(stringLiteral: "client\(number)")]) }
    #expect(mirror.report.frozenBecause == [])
    mirror.pass(.seconds(10))
    mirror.removed(["client6"])
    #expect(mirror.report.frozenBecause == [.burst])
    #expect(mirror.report.departing == 0)
    #expect(mirror.report.retained == 7)
    mirror.pass(.seconds(3600))
    mirror.removed(["client7"])
    mirror.pass(.seconds(3600))
    #expect(mirror.batches.isEmpty)
  }

  @Test func asManyMoreSlowlyDoNot() {
    var mirror = settled(20)
    for number in 0..<20 {
      mirror.removed([ClientName(stringLiteral: "client\(number)")])
      mirror.pass(.seconds(5))
      mirror.committed()
    }
    #expect(mirror.report.frozenBecause == [])
    mirror.pass(.seconds(115))
    while !mirror.instance.isSettled { mirror.committed() }
    #expect(mirror.deleted.count == 20)
  }

  @Test func mostOfAFewClientsLeavingAtOnceIsABurst() {
    var mirror = settled(4)
    mirror.removed(["client0"])
    mirror.pass(.milliseconds(100))
    #expect(mirror.report.frozenBecause == [])
    mirror.removed(["client1"])
    #expect(mirror.report.frozenBecause == [.burst])
    mirror.pass(.seconds(3600))
    #expect(mirror.deleted.isEmpty)
  }

  @Test func aRecordReachesTheStoreThoughItsServerStoppedBeforeTheStoreAnswered() {
    var mirror = settled()
    mirror.written("new", bytes("r"))
    mirror.failed()
    mirror.gone()
    mirror.pass(.seconds(1))
    #expect(mirror.lastChanges == ["new": bytes("r")])
    mirror.committed()
    mirror.pass(.seconds(3600))
    #expect(mirror.deleted.isEmpty)
  }

  @Test func aBurstOfOneHintIsABurst() {
    var mirror = settled(10_000)
    mirror.removed(Set(clients(0..<10_000).keys))
    #expect(mirror.report.frozenBecause == [.burst])
    mirror.pass(.seconds(3600))
    #expect(mirror.batches.isEmpty)
  }

  @Test func filesThatHadNotReachedTheStoreCountForABurst() {
    var mirror = settled(3)
    mirror.written("new0", bytes("r"))
    mirror.failed(retryAfter: .seconds(60))
    for number in 1...9 { mirror.written(ClientName(stringLiteral: "new\(number)"), bytes("r")) }
    // The store was away for a moment; then the server stops and unmonitors everybody.
    mirror.removed(Set((0..<10).map { ClientName(stringLiteral: "new\($0)") }).union(clients(0..<3).keys))
    #expect(mirror.report.frozenBecause == [.burst])
    mirror.pass(.seconds(3600))
    #expect(mirror.deleted == [])
  }

  @Test func aBurstThawsByItselfWhenEverybodyIsBack() {
    var mirror = settled()
    mirror.removed(Set(clients(0..<8).keys))
    for (client, record) in clients(0..<7) { mirror.written(client, record) }
    #expect(mirror.report.frozenBecause == [.burst])
    mirror.written("client7", bytes("record 7\n"))
    #expect(mirror.report.frozenBecause == [])
    // And what is single from then on departs again.
    mirror.removed(["client1"])
    mirror.pass(.seconds(120))
    #expect(mirror.deleted == ["client1"])
  }

  @Test func anOperatorThawsABurstAndTheDelayBeginsThen() {
    var mirror = settled()
    mirror.removed(Set(clients(0..<8).keys))
    mirror.pass(.seconds(3600))
    mirror.thaw()
    #expect(mirror.report.frozenBecause == [])
    #expect(mirror.report.departing == 8)
    mirror.pass(.seconds(119))
    mirror.written("client0", bytes("record 0\n"))
    #expect(mirror.batches.isEmpty)
    mirror.pass(.seconds(1))
    #expect(Set(mirror.deleted) == Set(clients(1..<8).keys))
  }

  @Test func aThawKeepsWhatANotifierHasRetired() {
    var mirror = settled()
    mirror.retired(["client8", "client9"])
    mirror.removed(Set(clients(0..<7).keys))
    #expect(mirror.report.frozenBecause == [.burst])
    mirror.thaw()
    mirror.pass(.seconds(120))
    #expect(Set(mirror.deleted) == Set(clients(0..<7).keys))
    mirror.committed()
    mirror.pass(.seconds(3600))
    #expect(mirror.batches.count == 1)
    #expect(mirror.state("client8") == .retained)
    #expect(mirror.state("client9") == .retained)
  }

  @Test func whatCameBackUnseenAndWasThenRetiredHasNotLeft() {
    for isFrozen in [false, true] {
      var mirror = settled()
      if isFrozen { mirror.server(isUp: false) }
      mirror.removed(["client1"])
      mirror.retired(["client1"])
      if isFrozen { mirror.server(isUp: true) }
      mirror.thaw()
      mirror.pass(.seconds(3600))
      #expect(mirror.batches.isEmpty)
      #expect(mirror.state("client1") == .retained)
    }
  }

  @Test func aThawWhileTheServerIsDownDeletesNothing() {
    var mirror = settled()
    mirror.removed(Set(clients(0..<8).keys))
    mirror.server(isUp: false)
    mirror.thaw()
    mirror.pass(.seconds(3600))
    mirror.server(isUp: true)
    mirror.pass(.seconds(3600))
    #expect(mirror.batches.isEmpty)
  }

  @Test func aVanishedDirectoryDeletesNothing() {
    var mirror = settled()
    mirror.removed(["client1"])
    mirror.gone()
    #expect(mirror.report.frozenBecause == [.directoryGone])
    #expect(mirror.report.seen == 0)
    mirror.pass(.seconds(3600))
    mirror.scan([:])
    #expect(mirror.report.frozenBecause == [])
    mirror.pass(.seconds(3600))
    #expect(mirror.batches.isEmpty)
    #expect(mirror.report.retained == 10)
  }

  @Test func whatAVanishedDirectoryHasWhenItIsBackIsMirrored() {
    var mirror = settled()
    mirror.gone()
    mirror.scan(clients(8..<12))
    #expect(mirror.lastChanges.map { Set($0.keys) } == ["client10", "client11"])
    mirror.committed()
    #expect(mirror.report.seen == 4)
    #expect(mirror.report.retained == 8)
  }

  @Test func departuresWhileTheLockManagerIsDownAreKeptEvenWhenItIsUpAgain() {
    var mirror = settled()
    mirror.server(isUp: false)
    mirror.removed(["client1"])
    #expect(mirror.report.frozenBecause == [.lockManagerDown])
    mirror.server(isUp: true)
    mirror.pass(.seconds(3600))
    #expect(mirror.batches.isEmpty)
    #expect(mirror.state("client1") == .retained)
  }

  @Test func aDepartureThatWaitsWhenTheLockManagerGoesDownIsKept() {
    var mirror = settled()
    mirror.removed(["client1"])
    mirror.pass(.seconds(119))
    mirror.server(isUp: false)
    mirror.pass(.milliseconds(1))
    mirror.server(isUp: true)
    mirror.pass(.seconds(3600))
    #expect(mirror.batches.isEmpty)
  }

  @Test func putsGoOnWhateverIsFrozen() {
    var mirror = settled()
    mirror.server(isUp: false)
    mirror.plan(isRunning: true)
    mirror.removed(Set(clients(0..<8).keys))
    mirror.written("new", bytes("r"))
    #expect(mirror.lastChanges == ["new": bytes("r")])
    #expect(mirror.report.frozenBecause == [.burst, .lockManagerDown, .plan])
  }

  @Test func aPlanFreezesUntilTheDelayAfterItsEnd() {
    var mirror = settled()
    mirror.plan(isRunning: true)
    mirror.removed(["client1"])
    mirror.pass(.seconds(3600))
    #expect(mirror.report.frozenBecause == [.plan])
    mirror.plan(isRunning: false)
    mirror.pass(.seconds(119))
    #expect(mirror.report.frozenBecause == [.plan])
    mirror.removed(["client2"])
    mirror.pass(.seconds(1))
    #expect(mirror.report.frozenBecause == [])
    mirror.removed(["client3"])
    mirror.pass(.seconds(3600))
    // Those that left during the plan may have been the server's restart.
    #expect(mirror.deleted == ["client3"])
  }

  @Test func aSecondPlanWithinTheDelayOfTheFirstFreezesOn() {
    var mirror = settled()
    mirror.plan(isRunning: true)
    mirror.plan(isRunning: false)
    mirror.pass(.seconds(60))
    mirror.plan(isRunning: true)
    mirror.pass(.seconds(3600))
    #expect(mirror.report.frozenBecause == [.plan])
  }

  @Test func aRecordThatWasRetiredByANotifierIsNoDeparture() {
    var mirror = settled()
    mirror.retired(["client1", "client2"])
    #expect(mirror.report.retained == 2)
    #expect(mirror.state("client1") == .retained)
    mirror.pass(.seconds(3600))
    #expect(mirror.batches.isEmpty)
  }

  @Test func aDepartureBeforeTheFirstScanWaitsForIt() {
    var mirror = MirrorProbe(clients(0..<3))
    mirror.removed(["client1"])
    mirror.pass(.seconds(3600))
    #expect(mirror.batches.isEmpty)
    mirror.scan(clients(2..<3))
    #expect(mirror.deleted == ["client1"])
  }

  @Test func aWakeUpThatIsNoLongerDueAsksForNoOther() {
    var mirror = settled()
    mirror.removed(["client1"])
    mirror.pass(.seconds(10))
    mirror.removed(["client2"])
    mirror.written("client1", bytes("record 1\n"))
    // The wake-up for client1, then that for client2: every one may come, none multiplies.
    mirror.now = mirror.now + .seconds(110)
    #expect(mirror.instance.onTimer(now: mirror.now) == [])
    #expect(mirror.instance.onTimer(now: mirror.now) == [])
    mirror.now = mirror.now + .seconds(10)
    mirror.take(mirror.instance.onTimer(now: mirror.now))
    #expect(mirror.deleted == ["client2"])
  }
}
