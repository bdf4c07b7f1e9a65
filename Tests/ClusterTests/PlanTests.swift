import Cluster
import Testing

@Suite("Plans (M5, M6, M7, M10)")
struct PlanTests {
  private let full = ServiceDefinition(
    name: "home", home: "a", candidates: ["a", "b"], hasFence: true, attachesStorage: true,
    detachesStorage: true, recoversServer: true, withdrawsServer: true, movesAddress: true)
  private let bare = ServiceDefinition(
    name: "home", home: "a", candidates: ["a", "b"], hasFence: false, movesAddress: false)

  private func adoption(_ service: ServiceDefinition, from former: FormerOwner) -> Plan {
    Plan.adoption(of: service, by: "b", epoch: 2, from: former, because: "test", request: "m-1")
  }

  private func run(_ plan: Plan) -> [PlanStep.Kind] { plan.steps.filter { !$0.isSkipped }.map(\.kind) }

  @Test func anAdoptionHasEveryStepInTheOrderThatLocksNeed() {
    let plan = adoption(full, from: .unaccounted("a", fenceConfirmedByOperator: false))
    #expect(
      plan.steps.map(\.kind) == [
        .fence, .storage, .records, .state, .server, .address, .notify, .verify, .finish,
      ])
    #expect(run(plan) == plan.steps.map(\.kind))
    #expect(plan.from == "a" && plan.to == "b" && plan.node == "b" && plan.epoch == 2)
    #expect(plan.request == "m-1" && plan.because == "test")
  }

  /// Whether the address is asked for before anything is touched: by whoever did not release it, whatever a fence said.
  @Test func anOwnerThatDidNotReleaseMayStillHaveTheAddress() {
    for service in [full, bare] {
      for confirmed in [false, true] {
        let former = FormerOwner.unaccounted("a", fenceConfirmedByOperator: confirmed)
        #expect(adoption(service, from: former).formerMayServe == true)
      }
      for former in [FormerOwner.none, .released("a"), .here("b")] {
        #expect(adoption(service, from: former).formerMayServe == nil)
      }
    }
    let owed = Plan.adoption(
      of: full, by: "b", epoch: 3, from: .released("c"), because: "test", owed: ["a"])
    #expect(owed.formerMayServe == true)
  }

  @Test func whatIsNotConfiguredIsListedAndNotRun() {
    let plan = adoption(bare, from: .unaccounted("a", fenceConfirmedByOperator: false))
    // That a grace period runs is looked at all the same.
    #expect(run(plan) == [.records, .state, .server, .notify, .verify, .finish])
    #expect(plan.steps.count == 9)
    var insistent = bare
    insistent.tellsWithoutGrace = true
    #expect(
      run(adoption(insistent, from: .released("a"))) == [.records, .state, .notify, .verify, .finish])
    #expect(plan.steps.allSatisfy { !$0.why.isEmpty })
  }

  @Test(
    "Only an owner that is not accounted for is fenced",
    arguments: [
      (.none, nil), (.released("a"), "a"), (.here("b"), "b"),
    ] as [(FormerOwner, String?)])
  func notFenced(former: FormerOwner, from: String?) {
    let plan = adoption(full, from: former)
    #expect(plan.steps.first?.isSkipped == true)
    #expect(plan.from == from)
  }

  @Test func theOperatorsWordReplacesAFenceThatMayBeDeadWithItsNode() {
    let plan = adoption(full, from: .unaccounted("a", fenceConfirmedByOperator: true))
    #expect(plan.steps.first == .skipped(.fence, "the operator confirmed that a is off"))
  }

  @Test func aClaimantThatDiedBeforeItsFenceLeavesTheDebt() {
    let plan = Plan.adoption(
      of: full, by: "c", epoch: 3, from: .unaccounted("b", fenceConfirmedByOperator: false), because: "x",
      owed: ["a"])
    #expect(plan.steps.first == PlanStep(.fence, "a and b did not release it and may still run"))
    #expect(FormerOwner.here("c").unfenced(full, owed: ["a"]) == ["a"])
    #expect(FormerOwner.unaccounted("b", fenceConfirmedByOperator: false).unfenced(bare, owed: ["a"]) == [])
  }

  @Test func withoutFenceThePlanSaysWhatNothingProves() {
    let unproven = adoption(bare, from: .unaccounted("a", fenceConfirmedByOperator: false))
    #expect(unproven.steps.first == .skipped(.fence, "fence: none; nothing proves that a is off"))
    let confirmed = adoption(bare, from: .unaccounted("a", fenceConfirmedByOperator: true))
    #expect(confirmed.steps.first == .skipped(.fence, "the operator confirmed that a is off"))
  }

  @Test func aReleaseTakesTheAddressFirstAndTheRecordsBeforeTheServerStops() {
    let plan = Plan.release(of: full, by: "a", epoch: 1, to: "b", because: "x", request: nil)
    #expect(run(plan) == [.address, .mirror, .server, .storage, .finish])
    let bareRelease = Plan.release(of: bare, by: "a", epoch: 1, to: nil, because: "x")
    #expect(run(bareRelease) == [.mirror, .finish])
    #expect(bareRelease.steps.last?.why == "free for the next candidate")
  }

  @Test func anOpeningRecoversNothingAndAResumptionTouchesNoServer() {
    let opening = Plan.opening(of: full, by: "a", because: "x", request: "m-1")
    #expect(run(opening) == [.storage, .server, .address, .verify, .finish])
    #expect(opening.epoch == 1 && opening.request == "m-1")
    let resumption = Plan.resumption(of: full, by: "a", epoch: 5)
    #expect(run(resumption) == [.address, .notify, .verify, .finish])
    #expect(resumption.epoch == 5)
  }

  @Test func aDefinitionHasItsHomeAmongTheCandidates() {
    let definition = ServiceDefinition(name: "home", home: "a", candidates: ["b"], hasFence: false)
    #expect(definition.candidates == ["b", "a"])
  }
}

@Suite("How far a plan is")
struct PlanProgressTests {
  private let adoption = Plan.adoption(
    of: .named(), by: "b", epoch: 2, from: .released("a"), because: "test")
  private let release = Plan.release(of: .named(), by: "a", epoch: 1, to: "b", because: "test")

  @Test func stepsComeInOrderSkippedOnesToo() {
    var progress = PlanProgress(plan: adoption)
    var steps: [PlanStep] = []
    while let step = progress.next {
      steps.append(step)
      progress.onStepDone()
    }
    #expect(steps == adoption.steps)
    progress.onStepDone()
    #expect(progress.done == adoption.steps.count)
    #expect(progress.next == nil)
  }

  @Test("A plan goes on after every step that is journaled", arguments: 0...9)
  func resumed(done: Int) {
    let progress = PlanProgress(plan: adoption, done: done)
    #expect(progress.next == (done < 9 ? adoption.steps[done] : nil))
  }

  @Test(
    "A journal that says nonsense is taken for its end",
    arguments: [(-5, 0), (1000, 9), (.min, 0), (.max, 9)])
  func nonsense(said: Int, taken: Int) {
    #expect(PlanProgress(plan: adoption, done: said).done == taken)
  }

  @Test func anAdoptionNeverGivesUpAndNeverPausesLong() {
    var progress = PlanProgress(plan: adoption)
    var delays: [Duration] = []
    for _ in 0..<100 {
      guard case .retry(let delay) = progress.onStepFailed() else {
        Issue.record("given up")
        return
      }
      delays.append(delay)
    }
    #expect(delays == delays.sorted())
    #expect(delays.first == .milliseconds(250))
    #expect(delays.last == .seconds(8))
    #expect(progress.next == adoption.steps.first)
  }

  @Test func aStepThatSucceedsForgetsItsFailures() {
    var progress = PlanProgress(plan: release)
    #expect(progress.onStepFailed() == .retry(after: .milliseconds(250)))
    #expect(progress.onStepFailed() == .retry(after: .milliseconds(500)))
    progress.onStepDone()
    #expect(progress.failures == 0)
    #expect(progress.onStepFailed() == .retry(after: .milliseconds(250)))
  }

  @Test func aReleaseGivesUpAfterThreeFailuresOfOneStep() {
    var progress = PlanProgress(plan: release)
    #expect(progress.onStepFailed() != .giveUp)
    #expect(progress.onStepFailed() != .giveUp)
    #expect(progress.onStepFailed() == .giveUp)
  }

  @Test func aReleaseThatHasDoneEverythingDoesNotGiveUpAtItsLastWrite() {
    var progress = PlanProgress(plan: release, done: release.steps.count - 1)
    for _ in 0..<20 { #expect(progress.onStepFailed() != .giveUp) }
  }
}

@Suite("Plans of a service with a network namespace of its own (B3)")
struct IsolatedPlanTests {
  private let service = ServiceDefinition(
    name: "home", home: "a", candidates: ["a", "b"], hasFence: true, attachesStorage: true,
    detachesStorage: true, recoversServer: true, withdrawsServer: true, isIsolated: true)

  private func run(_ plan: Plan) -> [PlanStep.Kind] { plan.steps.filter { !$0.isSkipped }.map(\.kind) }

  @Test func itsMountsAreMadeWhenTheStorageIsThereAndItsAddressIsTakenWhenItsGraceRuns() {
    let plan = Plan.adoption(
      of: service, by: "b", epoch: 2, from: .unaccounted("a", fenceConfirmedByOperator: false), because: "x")
    #expect(
      run(plan) == [
        .fence, .storage, .namespace, .records, .state, .server, .address, .notify, .verify, .finish,
      ])
    #expect(plan.steps.allSatisfy { !$0.why.isEmpty })
    let opening = Plan.opening(of: service, by: "a", because: "x")
    #expect(run(opening) == [.storage, .namespace, .server, .address, .verify, .finish])
  }

  @Test func nothingOfItHoldsTheFileSystemWhenTheStorageIsDetached() {
    let plan = Plan.release(of: service, by: "a", epoch: 1, to: "b", because: "x")
    #expect(run(plan) == [.address, .mirror, .server, .namespace, .storage, .finish])
  }

  @Test(
    "What failed before a client could be recorded has no mirror to end",
    arguments: [PlanStep.Kind.storage, .namespace, .records])
  func handsOnWithoutMirror(step: PlanStep.Kind) {
    let plan = Plan.handOn(of: service, by: "b", epoch: 2, to: "c", failedAt: step, because: "x")
    #expect(run(plan) == [.address, .server, .namespace, .storage, .finish])
  }

  @Test func aResumptionLeavesTheNamespaceAlone() {
    let plan = Plan.resumption(of: service, by: "a", epoch: 1)
    #expect(run(plan) == [.address, .notify, .verify, .finish])
  }
}
