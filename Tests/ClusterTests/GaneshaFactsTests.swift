import Cluster
import StatusMonitor
import Testing

/// M7 B9: what is asked of NFS-Ganesha, and when it is not.
@Suite("A grace period of NFS-Ganesha (M7 B9)")
struct GaneshaFactsTests {
  @Test func itIsAskedForOneAndMustSayThatItRuns() {
    let procedure = GaneshaFacts(clients: 3).procedure(length: .seconds(90))
    #expect(procedure.actions.map(\.kind) == [.startGaneshaGrace, .expectGaneshaGrace])
    #expect(procedure.refusals.isEmpty)
    #expect(procedure.actions[0].why.contains("3 clients have records"))
  }

  @Test func whoDoesNotAnswerCanNotBegin() {
    // The lock manager is gone with it, which is said once.
    let facts = GaneshaFacts(problem: "it is away: start it", lockManagerProblem: "not registered")
    #expect(facts.procedure(length: .seconds(90)).refusals == ["it is away: start it"])
  }

  @Test func withoutALockManagerThereIsNothingToReclaimFrom() throws {
    let refusals = GaneshaFacts(lockManagerProblem: "not registered").procedure(length: .seconds(90)).refusals
    #expect(refusals.count == 1 && refusals.first?.contains("Enable_NLM") == true)
    #expect(refusals.first?.contains("not registered") == true)
  }

  @Test func theKernelsLockManagerKnowsNothingOfItsGracePeriod() {
    let refusals = GaneshaFacts(kernelThreads: 8).procedure(length: .seconds(90)).refusals
    #expect(refusals.count == 1 && refusals.first?.contains("8 threads") == true)
    #expect(GaneshaFacts(kernelThreads: 0).procedure(length: .seconds(90)).refusals.isEmpty)
  }

  @Test("Its configuration says beforehand that reclaims would be refused")
  func configuration() throws {
    func refusals(_ seconds: Int, graceless: Bool = false) -> [String] {
      GaneshaFacts(
        configuration: .init(
          path: "/etc/ganesha/ganesha.conf", gracePeriod: .seconds(seconds), isGraceless: graceless)
      ).procedure(length: .seconds(90)).refusals
    }
    #expect(refusals(90).isEmpty && refusals(180).isEmpty)
    #expect(refusals(45).count == 1 && refusals(45).first?.contains("is 45s, shorter than") == true)
    #expect(refusals(180, graceless: true).first?.contains("Graceless is set in /etc/ganesha") == true)
  }
}

/// Ganesha has its records forgotten when it starts, and a single one is no burst.
@Suite("Noticing a start of NFS-Ganesha (B9)")
struct GaneshaWatchTests {
  private typealias Standing = GaneshaWatch.Standing

  private func answer(_ connection: String, isInGrace: Bool = false) -> GaneshaWatch.Answer {
    GaneshaWatch.Answer(isInGrace: isInGrace, connection: connection)
  }

  @Test func aGaneshaThatGoesOnIsUp() {
    var watch = GaneshaWatch()
    for _ in 0..<3 {
      let seen = watch.onAnswer(answer(":1.2"), asked: at(.seconds(1)))
      #expect(seen.map(\.isUp) == [true] && seen.map(\.isGraceRunning) == [false])
    }
  }

  @Test func aSilentOneIsDownAndItsGracePeriodUnknown() {
    var watch = GaneshaWatch()
    let seen = watch.onAnswer(nil, asked: at(.seconds(1)))
    #expect(seen.map(\.isUp) == [false] && seen.map(\.isGraceRunning) == [nil])
  }

  @Test func aStartBetweenTwoLooksIsSeenByItsNewConnection() {
    var watch = GaneshaWatch()
    _ = watch.onAnswer(answer(":1.2"), asked: at(.seconds(1)))
    let seen = watch.onAnswer(answer(":1.5", isInGrace: true), asked: at(.seconds(2)))
    #expect(seen.map(\.isUp) == [false, true] && seen.map(\.isGraceRunning) == [nil, true])
    #expect(watch.onAnswer(answer(":1.5"), asked: at(.seconds(3))).map(\.isUp) == [true])
    #expect(watch.lastStart == at(.seconds(2)))
  }

  @Test func aGracePeriodThatItWasAskedForIsNoStart() {
    var watch = GaneshaWatch()
    _ = watch.onAnswer(answer(":1.2"), asked: at(.seconds(1)))
    _ = watch.onAnswer(answer(":1.2", isInGrace: true), asked: at(.seconds(2)))
    #expect(watch.lastStart == nil)
  }

  @Test func aStartThatItWasAwayForIsSeenToo() {
    var watch = GaneshaWatch()
    _ = watch.onAnswer(answer(":1.2"), asked: at(.seconds(1)))
    _ = watch.onAnswer(nil, asked: at(.seconds(2)))
    #expect(watch.onAnswer(answer(":1.5"), asked: at(.seconds(3))).map(\.isUp) == [false, true])
  }

  @Test func aGracePeriodIsNoOlderThanTheLastLookThatSawNone() {
    var watch = GaneshaWatch()
    _ = watch.onAnswer(answer(":1.2", isInGrace: true), asked: at(.seconds(1)))
    #expect(watch.graceLeft(of: .seconds(90), now: at(.seconds(2))) == nil)
    _ = watch.onAnswer(answer(":1.2"), asked: at(.seconds(10)))
    _ = watch.onAnswer(answer(":1.2", isInGrace: true), asked: at(.seconds(20)))
    #expect(watch.graceLeft(of: .seconds(90), now: at(.seconds(30))) == .seconds(70))
    #expect(watch.graceLeft(of: .seconds(90), now: at(.seconds(101))) == .zero)
  }

  @Test func aNewGaneshasGracePeriodIsYoungerThanTheLastAnswerOfTheOldOne() {
    var watch = GaneshaWatch()
    // The old one was in its own all the time.
    _ = watch.onAnswer(answer(":1.2", isInGrace: true), asked: at(.seconds(1)))
    _ = watch.onAnswer(answer(":1.2", isInGrace: true), asked: at(.seconds(10)))
    _ = watch.onAnswer(nil, asked: at(.seconds(11)))
    #expect(watch.graceLeft(of: .seconds(90), now: at(.seconds(11))) == nil)
    _ = watch.onAnswer(answer(":1.5", isInGrace: true), asked: at(.seconds(12)))
    #expect(watch.graceLeft(of: .seconds(90), now: at(.seconds(20))) == .seconds(80))
  }

  @Test("A single record that its start removes is kept (rule 5)", arguments: [1, 2])
  func departures(count: Int) {
    let records: [ClientName: [UInt8]] = [
      "10.0.0.11": bytes("one"), "10.0.0.12": bytes("two"), "10.0.0.13": bytes("three"),
      "10.0.0.14": bytes("four"), "10.0.0.15": bytes("five"), "10.0.0.16": bytes("six"),
    ]
    let timings = MirrorTimings()
    var mirror = MirrorInstance(timings: timings, stored: records)
    _ = mirror.onScan(records, now: at(.seconds(1)))
    var watch = GaneshaWatch()
    func tell(_ answer: GaneshaWatch.Answer, _ now: BootInstant) {
      for standing in watch.onAnswer(answer, asked: now) {
        _ = mirror.onLockManager(isUp: standing.isUp, now: now)
        if let isRunning = standing.isGraceRunning {
          _ = mirror.onGracePeriod(isRunning: isRunning, now: now)
        }
      }
    }
    tell(answer(":1.2"), at(.seconds(2)))
    let gone = Set(records.keys.sorted().prefix(count))
    _ = mirror.onRemoved(gone, now: at(.seconds(10)))
    tell(answer(":1.5", isInGrace: true), at(.seconds(11)))
    tell(answer(":1.5"), at(.seconds(101)))
    let late = at(.seconds(102)) + timings.departureDelay
    _ = mirror.onTimer(now: late)
    // Even where it is looked for now, it is not deleted.
    let directives = mirror.onAbsent(gone, now: late)
    #expect(directives.isEmpty, "\(directives)")
    #expect(mirror.report(now: late).retained == count)
  }
}
