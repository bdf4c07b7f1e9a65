import Cluster
import StatusMonitor
import Testing

/// What the tests of the mirror share: short words for its inputs, and a look into its directives.
struct MirrorProbe {
  var instance: MirrorInstance
  var now = at(.seconds(1000))
  /// All batches that were directed, in order.
  var batches: [MirrorBatch] = []
  /// What callouts were told, by ticket.
  var answers: [UInt64: CalloutVerdict] = [:]
  /// Files that are there again, and of which nobody has told the mirror.
  var returned: [ClientName: [UInt8]] = [:]
  /// The wake-up that counts.
  var wakeAt: BootInstant?

  init(_ stored: [ClientName: [UInt8]] = [:], timings: MirrorTimings = MirrorTimings()) {
    instance = MirrorInstance(timings: timings, stored: stored)
  }

  mutating func take(_ directives: [MirrorDirective]) {
    for directive in directives {
      switch directive {
      case .commit(let batch): batches.append(batch)
      // What is gone stays gone, but for what a test says otherwise.
      case .lookFor(let clients):
        for (client, record) in returned where clients.contains(client) { written(client, record) }
        take(instance.onAbsent(clients.subtracting(returned.keys), now: now))
      case .answer(let ticket, let verdict):
        if answers.updateValue(verdict, forKey: ticket) != nil { Issue.record("\(ticket) is answered twice") }
      case .wake(let moment):
        if moment > now {
          wakeAt = moment
        } else {
          Issue.record("a wake-up that is due already makes the shell spin")
        }
      }
    }
  }

  mutating func scan(_ records: [ClientName: [UInt8]]) { take(instance.onScan(records, now: now)) }
  mutating func written(_ client: ClientName, _ record: [UInt8]) {
    take(instance.onWritten(client, record, now: now))
  }
  mutating func callout(_ ticket: UInt64, _ client: ClientName, _ record: [UInt8]) {
    take(instance.onCallout(ticket, client, record, now: now))
  }
  mutating func leaving(_ clients: Set<ClientName>) { take(instance.onLeaving(clients, now: now)) }
  mutating func removed(_ clients: Set<ClientName>) { take(instance.onRemoved(clients, now: now)) }
  mutating func retired(_ clients: Set<ClientName>) { take(instance.onRetired(clients, now: now)) }
  mutating func gone() { take(instance.onDirectoryGone(now: now)) }
  mutating func server(isUp: Bool) { take(instance.onLockManager(isUp: isUp, now: now)) }
  mutating func plan(isRunning: Bool) { take(instance.onPlan(isRunning: isRunning, now: now)) }
  mutating func thaw() { take(instance.onThaw(now: now)) }

  /// The last batch is durable.
  mutating func committed() {
    guard let batch = batches.last else { return }
    take(instance.onCommitted(batch.number, now: now))
  }

  /// Nobody knows what became of the last batch.
  mutating func failed(mayLand: Bool = true, retryAfter delay: Duration = .milliseconds(500)) {
    guard let batch = batches.last else { return }
    take(
      instance.onCommitFailed(
        batch.number, because: "no answer", mayLand: mayLand, retryAfter: delay, now: now))
  }

  /// Time passes, and wake-ups that were asked for come.
  mutating func pass(_ duration: Duration) {
    let end = now + duration
    while let moment = wakeAt, moment <= end {
      now = max(now, moment)
      wakeAt = nil
      take(instance.onTimer(now: now))
    }
    now = end
  }

  /// Scanned, and all of it in the store.
  mutating func settle(_ records: [ClientName: [UInt8]]) {
    scan(records)
    while !instance.isSettled { committed() }
    batches = []
  }

  var report: MirrorInstance.Report { instance.report(now: now) }
  var lastChanges: [ClientName: [UInt8]?]? {
    batches.last.map { Dictionary(uniqueKeysWithValues: $0.changes.map { ($0.client, $0.record) }) }
  }
  /// Every client whose deletion was directed.
  var deleted: [ClientName] { batches.flatMap(\.changes).filter { $0.record == nil }.map(\.client) }

  func state(_ client: ClientName) -> MirrorInstance.RecordState? {
    instance.records.first { $0.client == client }?.state
  }
}

func clients(_ range: Range<Int>) -> [ClientName: [UInt8]] {
  Dictionary(
    uniqueKeysWithValues: range.map { (ClientName(stringLiteral: "client\($0)"), bytes("record \($0)\n")) })
}

@Suite("The mirror's way into the store (M1, M3)")
struct MirrorPutTests {
  @Test func aNewRecordGoesAtOnce() {
    var mirror = MirrorProbe()
    mirror.settle([:])
    mirror.written("c1", bytes("r1"))
    #expect(mirror.lastChanges == ["c1": bytes("r1")])
    #expect(mirror.report.seen == 1)
    #expect(mirror.report.mirrored == 0)
    #expect(mirror.state("c1") == .pending)
    mirror.now = mirror.now + .milliseconds(7)
    #expect(mirror.report.lag == .milliseconds(7))
    mirror.committed()
    #expect(mirror.report.mirrored == 1)
    #expect(mirror.report.lag == .zero)
    #expect(mirror.state("c1") == .mirrored)
    #expect(mirror.instance.isSettled)
  }

  @Test func aRecordGoesBeforeTheFirstScanToo() {
    var mirror = MirrorProbe()
    mirror.written("c1", bytes("r1"))
    #expect(mirror.lastChanges == ["c1": bytes("r1")])
    #expect(!mirror.instance.isSettled)
  }

  @Test func whatIsInTheStoreAlreadyIsNotWrittenAgain() {
    var mirror = MirrorProbe(clients(0..<5))
    mirror.scan(clients(0..<5))
    mirror.scan(clients(0..<5))
    mirror.written("client3", bytes("record 3\n"))
    #expect(mirror.batches.isEmpty)
    #expect(mirror.instance.isSettled)
  }

  @Test func aScanThatShowsNothingNewChangesNothing() {
    var mirror = MirrorProbe(clients(0..<5))
    mirror.scan(clients(0..<5))
    mirror.written("client3", bytes("changed\n"))
    mirror.committed()
    var records = clients(0..<5)
    records["client3"] = bytes("changed\n")
    for _ in 0..<2 { mirror.scan(records) }
    #expect(mirror.batches.count == 1)
    #expect(mirror.report.mirrored == 5)
    // One that is missing is kept in the store and no longer present.
    records["client1"] = nil
    mirror.scan(records)
    #expect(mirror.report.seen == 4)
    #expect(mirror.report.retained == 1)
  }

  @Test("ten thousand records go in batches of 256 one after the other where the store is not quick")
  func tenThousandRecordsInBatches() {
    var mirror = MirrorProbe()
    let records = clients(0..<10_000)
    mirror.scan(records)
    var stored: [ClientName: [UInt8]] = [:]
    for round in 1...40 {
      #expect(mirror.batches.count == round)
      guard let batch = mirror.batches.last else { return }
      #expect(batch.changes.count == (round < 40 ? MirrorBatch.usual : 10_000 - 39 * 256))
      #expect(Set(batch.changes.map(\.client)).count == batch.changes.count)
      for change in batch.changes { stored[change.client] = change.record }
      mirror.pass(MirrorBatch.quick + .milliseconds(1))
      mirror.committed()
    }
    #expect(mirror.batches.count == 40)
    #expect(stored == records)
    #expect(mirror.instance.isSettled)
    #expect(mirror.report.mirrored == 10_000)
  }

  @Test(
    "full batches grow while the store is quick, shrink when it becomes slow, and start small after a failure"
  )
  func batchSizeFollowsTheStore() {
    var mirror = MirrorProbe()
    mirror.scan(clients(0..<10_000))
    for size in [256, 512, 1024, 2048, 2048] {
      #expect(mirror.batches.last?.changes.count == size)
      mirror.pass(MirrorBatch.quick)
      mirror.committed()
    }
    #expect(mirror.batches.last?.changes.count == 2048)
    mirror.pass(MirrorBatch.slow + .milliseconds(1))
    mirror.committed()
    #expect(mirror.batches.last?.changes.count == 1024)
    mirror.failed(retryAfter: .milliseconds(500))
    mirror.pass(.milliseconds(500))
    #expect(mirror.batches.last?.changes.count == 256)
  }

  @Test func singleRecordsSayNothingAboutLargeBatches() {
    var mirror = MirrorProbe()
    mirror.settle([:])
    for number in 0..<5 {
      mirror.written(ClientName(stringLiteral: "single\(number)"), bytes("r"))
      mirror.committed()
    }
    mirror.scan(clients(0..<1000))
    #expect(mirror.batches.last?.changes.count == MirrorBatch.usual)
  }

  @Test func oneBatchIsUnderWayAtATime() {
    var mirror = MirrorProbe()
    mirror.settle([:])
    mirror.written("c1", bytes("r1"))
    mirror.written("c2", bytes("r2"))
    mirror.written("c3", bytes("r3"))
    #expect(mirror.batches.count == 1)
    mirror.committed()
    #expect(mirror.lastChanges == ["c2": bytes("r2"), "c3": bytes("r3")])
  }

  @Test func aRecordThatChangesWhileItsBatchIsUnderWayGoesAgain() {
    var mirror = MirrorProbe()
    mirror.settle([:])
    mirror.written("c1", bytes("r1"))
    mirror.written("c1", bytes("r1\nr2"))
    #expect(mirror.batches.count == 1)
    mirror.committed()
    #expect(mirror.lastChanges == ["c1": bytes("r1\nr2")])
    #expect(!mirror.instance.isSettled)
    mirror.committed()
    #expect(mirror.instance.isSettled)
  }

  @Test func aRecordThatChangesBackWhileItsBatchIsUnderWayIsWellAfterIt() {
    var mirror = MirrorProbe(["c1": bytes("r0")])
    mirror.settle(["c1": bytes("r0")])
    mirror.written("c1", bytes("r1"))
    mirror.written("c1", bytes("r0"))
    mirror.committed()
    #expect(mirror.lastChanges == ["c1": bytes("r0")])
    mirror.committed()
    #expect(mirror.instance.isSettled)
    #expect(mirror.batches.count == 2)
  }

  @Test func anEmptyFileIsNoRecordAndOverwritesNone() {
    var mirror = MirrorProbe(["c1": bytes("r1")])
    mirror.settle(["c1": bytes("r1")])
    mirror.written("c1", [])
    mirror.written("c2", [])
    mirror.scan(["c1": [], "c2": []])
    #expect(mirror.batches.isEmpty)
    #expect(mirror.state("c2") == nil)
    mirror.written("c2", bytes("r2"))
    #expect(mirror.lastChanges == ["c2": bytes("r2")])
  }

  @Test func aFailedBatchIsTriedAgainAfterItsDelayAndNotBefore() {
    var mirror = MirrorProbe()
    mirror.settle([:])
    mirror.written("c1", bytes("r1"))
    mirror.failed()
    #expect(mirror.report.problem == "no answer")
    #expect(mirror.wakeAt == mirror.now + .milliseconds(500))
    mirror.pass(.milliseconds(400))
    mirror.written("c2", bytes("r2"))
    #expect(mirror.batches.count == 1)
    mirror.pass(.milliseconds(100))
    #expect(mirror.batches.count == 2)
    #expect(mirror.lastChanges == ["c1": bytes("r1"), "c2": bytes("r2")])
    mirror.committed()
    #expect(mirror.report.problem == nil)
    #expect(mirror.instance.isSettled)
  }

  @Test func aFailedBatchCarriesTheNewestRecordWhenItIsTriedAgain() {
    var mirror = MirrorProbe()
    mirror.settle([:])
    mirror.written("c1", bytes("r1"))
    mirror.written("c1", bytes("r2"))
    mirror.failed()
    mirror.pass(.seconds(1))
    #expect(mirror.lastChanges == ["c1": bytes("r2")])
  }

  @Test func aFailedBatchOfTenThousandLosesNobody() {
    var mirror = MirrorProbe()
    let records = clients(0..<1000)
    mirror.scan(records)
    var stored: [ClientName: [UInt8]] = [:]
    for round in 0..<20 where !mirror.instance.isSettled {
      if round % 2 == 0 {
        mirror.failed()
        mirror.pass(.seconds(1))
      } else {
        for change in mirror.batches.last?.changes ?? [] { stored[change.client] = change.record }
        mirror.committed()
      }
    }
    #expect(stored == records)
  }

  @Test func anAnswerToAnotherBatchCountsForNothing() {
    var mirror = MirrorProbe()
    mirror.settle([:])
    mirror.written("c1", bytes("r1"))
    let first = mirror.batches.last?.number ?? 0
    mirror.failed()
    mirror.pass(.seconds(1))
    mirror.take(mirror.instance.onCommitted(first, now: mirror.now))
    mirror.take(
      mirror.instance.onCommitFailed(
        99, because: "x", mayLand: true, retryAfter: .seconds(1), now: mirror.now))
    #expect(!mirror.instance.isSettled)
    mirror.committed()
    #expect(mirror.instance.isSettled)
  }

  /// Found by the simulator (seed 11722): a batch whose answer was lost landed over a newer one of the same owner.
  @Test func whatFollowsABatchWithAnUnknownEndMakesItVoid() {
    var mirror = MirrorProbe()
    mirror.settle([:])
    mirror.written("c1", bytes("r1"))
    #expect(mirror.batches.last?.renewsOwner == false)
    mirror.failed()
    mirror.written("c1", bytes("r2"))
    mirror.pass(.seconds(1))
    #expect(mirror.batches.last?.renewsOwner == true)
    // It has not ended well either: both may still land.
    mirror.failed(mayLand: false)
    mirror.pass(.seconds(1))
    #expect(mirror.batches.last?.renewsOwner == true)
    mirror.committed()
    mirror.written("c1", bytes("r3"))
    #expect(mirror.batches.last?.renewsOwner == false)
  }

  @Test func aBatchThatWasRefusedCostsNothingMore() {
    var mirror = MirrorProbe()
    mirror.settle([:])
    mirror.written("c1", bytes("r1"))
    mirror.failed(mayLand: false)
    mirror.pass(.seconds(1))
    #expect(mirror.batches.last?.renewsOwner == false)
  }

  @Test func afterABatchWithAnUnknownEndTheOldRecordIsWrittenAgain() {
    var mirror = MirrorProbe(["c1": bytes("r0")])
    mirror.settle(["c1": bytes("r0")])
    mirror.written("c1", bytes("r1"))
    // It may be in the store all the same.
    mirror.failed()
    mirror.written("c1", bytes("r0"))
    mirror.pass(.seconds(1))
    #expect(mirror.lastChanges == ["c1": bytes("r0")])
    mirror.committed()
    #expect(mirror.instance.isSettled)
  }

  /// Found by the simulator: the daemon stood still, and its timer came before the event that the client was back.
  @Test func whoeverHasAFileAgainWhenTheDelayIsOverStays() {
    var mirror = MirrorProbe()
    mirror.settle(clients(0..<10))
    mirror.removed(["client3", "client4"])
    mirror.returned = ["client3": bytes("record 3\n")]
    mirror.pass(.seconds(120))
    #expect(mirror.deleted == ["client4"])
    mirror.committed()
    #expect(mirror.state("client3") == .mirrored)
    mirror.pass(.seconds(600))
    #expect(mirror.deleted == ["client4"])
  }

  @Test func whomNobodyCouldLookForWaitsOnceMore() {
    var mirror = MirrorProbe()
    mirror.settle(clients(0..<10))
    mirror.removed(["client3"])
    mirror.now = mirror.now + .seconds(120)
    #expect(mirror.instance.onTimer(now: mirror.now) == [.lookFor(["client3"])])
    let later = mirror.now + .seconds(120)
    #expect(mirror.instance.onUnseen(["client3"], now: mirror.now) == [.wake(at: later)])
    #expect(mirror.instance.onTimer(now: later) == [.lookFor(["client3"])])
    // It comes back while somebody looks.
    #expect(mirror.instance.onWritten("client3", bytes("record 3\n"), now: later) == [])
    #expect(mirror.instance.onAbsent(["client3"], now: later) == [])
    #expect(mirror.state("client3") == .mirrored)
  }
}
