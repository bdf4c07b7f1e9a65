import Cluster
import Testing

@Suite("The judgement of health probes (M8)")
struct HealthJudgeTests {
  private typealias Answer = HealthJudge.Answer

  private func round(_ problems: String?...) -> [HealthJudge.Answer] {
    zip(["nfs v3 over tcp", "nlockmgr v4 over udp"], problems).map {
      Answer(subject: $0, problem: $1, took: .milliseconds(1))
    }
  }

  private func isUnhealthy(_ judge: HealthJudge) -> Bool {
    if case .unhealthy = judge.verdict { true } else { false }
  }

  @Test func nothingIsProvenBeforeTheFirstRound() {
    #expect(HealthJudge(probes: 2, limit: 3).verdict == .unproven)
  }

  @Test func withoutProbesANodeIsHealthyForEver() {
    var judge = HealthJudge(probes: 0, limit: 3)
    judge.onRound([])
    #expect(judge.verdict == .healthy)
  }

  @Test func theFirstRoundDecidesAtOnce() {
    var good = HealthJudge(probes: 2, limit: 3)
    good.onRound(round(nil, nil))
    #expect(good.verdict == .healthy)
    var bad = HealthJudge(probes: 2, limit: 3)
    bad.onRound(round(nil, "refused"))
    #expect(bad.verdict == .unhealthy(["nlockmgr v4 over udp: refused (1 times)"]))
  }

  @Test func aHealthyNodeTakesThreeFailedRoundsOneAfterTheOther() {
    var judge = HealthJudge(probes: 2, limit: 3)
    judge.onRound(round(nil, nil))
    judge.onRound(round("timed out", nil))
    judge.onRound(round("timed out", nil))
    #expect(judge.verdict == .healthy)
    judge.onRound(round("timed out", nil))
    #expect(judge.verdict == .unhealthy(["nfs v3 over tcp: timed out (3 times)"]))
  }

  /// Or the log would have a line for every round.
  @Test func whatGoesOnFailingIsSaidInTheSameWords() {
    var judge = HealthJudge(probes: 2, limit: 3)
    for _ in 0..<4 { judge.onRound(round("timed out", nil)) }
    let words = judge.verdict
    #expect(words == .unhealthy(["nfs v3 over tcp: timed out (more than 3 times)"]))
    for _ in 0..<50 {
      judge.onRound(round("timed out", nil))
      #expect(judge.verdict == words)
    }
  }

  @Test func failuresThatAreNotOneAfterTheOtherDoNotCount() {
    var judge = HealthJudge(probes: 2, limit: 3)
    judge.onRound(round(nil, nil))
    for _ in 0..<20 {
      judge.onRound(round("x", nil))
      judge.onRound(round("x", "y"))
      judge.onRound(round(nil, "y"))
      judge.onRound(round(nil, nil))
    }
    #expect(judge.verdict == .healthy)
  }

  @Test func probesThatFailInTurnAreNotThreeFailuresOfOne() {
    var judge = HealthJudge(probes: 2, limit: 3)
    judge.onRound(round(nil, nil))
    for _ in 0..<10 {
      judge.onRound(round("x", nil))
      judge.onRound(round(nil, "y"))
    }
    #expect(judge.verdict == .healthy)
  }

  @Test func oneWhollyGoodRoundHeals() {
    var judge = HealthJudge(probes: 2, limit: 1)
    judge.onRound(round("x", "y"))
    #expect(isUnhealthy(judge))
    judge.onRound(round(nil, nil))
    #expect(judge.verdict == .healthy)
  }

  @Test func aRoundThatIsGoodForOneProbeOnlyDoesNotHeal() {
    var judge = HealthJudge(probes: 2, limit: 3)
    for _ in 0..<3 { judge.onRound(round("x", nil)) }
    judge.onRound(round(nil, "y"))
    #expect(isUnhealthy(judge))
    judge.onRound(round(nil, nil))
    #expect(judge.verdict == .healthy)
  }

  @Test func aRoundThatLacksAnswersIsNone() {
    var judge = HealthJudge(probes: 2, limit: 1)
    judge.onRound(round(nil, nil))
    judge.onRound(round("x"))
    judge.onRound([])
    #expect(judge.verdict == .healthy)
    #expect(judge.failures == [0, 0])
  }

  @Test("A limit below one is one", arguments: [0, -7])
  func limitBelowOne(limit: Int) {
    var judge = HealthJudge(probes: 2, limit: limit)
    judge.onRound(round(nil, nil))
    #expect(judge.verdict == .healthy)
    judge.onRound(round(nil, "x"))
    #expect(isUnhealthy(judge))
  }
}
