/// Mistakes that others have made, to be planted one at a time: a test of the simulator proves that it finds each
/// (docs/simulator.md). Only debug builds can hold any; in a release build ``BeatTimings/has(_:)`` is false and all of
/// this is gone.
public enum PlantedBug: String, Sendable, CaseIterable {
  // The lease.
  case leaseCountsFromAnswer = "a renewal counts from its answer, not from its sending"
  case leaseIsNotWatched = "nothing is given up when the lease ends"
  case lateIsDead = "three missed beats are death"
  case stalenessIsForgotten = "what a cache may show is not waited for"
  // Ownership.
  case epochStays = "a claim keeps the epoch"
  case lostEpochIsIgnored = "an owner that reads another's name in the key goes on"
  case beatCarriesNoOwners = "a beat does not compare the owner keys"
  case claimComparesNoBeat = "a claim does not compare the silent node's beat"
  case fenceIsSkipped = "an owner that did not release is not fenced"
  case fenceDebtIsForgotten = "a claimant's own debt of fences is not taken over"
  case pauseIsIgnored = "a paused cluster adopts"
  // Votes.
  case turnNeverComes = "who has not the best bid waits for ever"
  case lostBidIsAwaited = "a bid of which nobody knows whether it was placed is waited for"
  case everyBidCounts = "a bid of a daemon that is gone counts"
  case lateBidIsPlaced = "a bidder that comes too late does not withdraw"
  // A daemon's start.
  case rebootIsResumption = "a rebooted owner goes on as if only its daemon had been away"
  case givenUpIsResumption = "an owner that had given up goes on as if it had not"
  case withdrawnIsForgotten = "what an earlier daemon gave up is taken for running"
  case leftOversStay = "what an earlier daemon left running is not looked at"
  case standingIsNotLookedAt = "without a beat of its own a daemon takes it that nothing runs on its machine"
  case rebootTrustsJournal = "an adoption goes on where its journal ends, though the machine has rebooted"
  case lostJournalIsIgnored = "an adoption without a journal waits for ever"
  // Plans.
  case serverAfterAddress = "the address is taken before the grace period runs"
  case notifyBeforeServer = "clients are told before the grace period runs"
  case graceIsNotWatched = "clients are told however late it is"
  case notifyIsSkipped = "clients are not told"
  case releaseKeepsAddress = "a release leaves the address where it is"
  case handOnKeepsAddress = "what failed here is handed on with its address still here"
  case failedRequestStays = "a request that can't be carried out does not end"
  case ownLookIsBelieved = "a node believes a look that is older than its own change"
  // The mirror.
  case burstIsNoFreeze = "a burst of departures does not freeze deletions"
  case planIsNoFreeze = "a plan does not freeze deletions"
  case graceIsNoFreeze = "a grace period that somebody else began does not freeze deletions"
  case missingIsDeparted = "what a scan misses counts as departed"
  case directoryGoneIsDeparture = "a directory that vanished counts as empty"
  case departureIsNotLookedFor = "a departure is deleted without another look for its file"
  case departureIsAtOnce = "a departure is deleted at once"
  case returnIsIgnored = "a record that comes back is deleted all the same"
  case answerComesFirst = "a callout is answered before its record is stored"
  case failureAnswersDurable = "a callout whose commit failed is told that all is well"
  case failedBatchIsForgotten = "a batch that failed is not tried again"
  case strayBatchMayLand = "a batch of unknown end may land after the next one"
  case thawTakesMissing = "a thaw takes everything that is missing for departed"
  case retirementIsDeparture = "what sm-notify retires counts as departed"
  // The shell.
  case deposedPlanGoesOn = "a plan does not ask for its epoch before a step"
  case failedStepIsPassed = "an adoption goes on past a failed step"
  case mirrorComparesNoOwner = "a batch of records does not compare the owner key"
  case numberIgnoresStore = "the state number follows the host's own alone"
  case numberStays = "clients are told the number that they know"
  case numberIsToldFirst = "clients are told a number that is not yet durable"
  case recordsGoWhenTold = "a record is deleted as soon as its client was told"
  case releaseSkipsMirror = "a release does not wait for the mirror"
}

extension BeatTimings {
  #if PLANTED_BUGS
    /// This mistake is planted.
    @inline(__always) package func has(_ bug: PlantedBug) -> Bool { planted == bug }
  #else
    @inline(__always) package func has(_ bug: PlantedBug) -> Bool { false }
  #endif
}

extension MirrorTimings {
  #if PLANTED_BUGS
    /// This mistake is planted.
    @inline(__always) package func has(_ bug: PlantedBug) -> Bool { planted == bug }
  #else
    @inline(__always) package func has(_ bug: PlantedBug) -> Bool { false }
  #endif
}

extension NodeInstance {
  /// The plan as it would be with the mistake that is planted, if that is one of its own.
  func planted(in plan: Plan) -> Plan {
    #if PLANTED_BUGS
      guard let bug = timings.planted else { return plan }
      var plan = plan
      func move(_ kind: PlanStep.Kind, before other: PlanStep.Kind) {
        guard let from = plan.steps.firstIndex(where: { $0.kind == kind }) else { return }
        let step = plan.steps.remove(at: from)
        plan.steps.insert(step, at: plan.steps.firstIndex { $0.kind == other } ?? 0)
      }
      func skip(_ kind: PlanStep.Kind) {
        plan.steps = plan.steps.map { $0.kind == kind ? .skipped(kind, "planted") : $0 }
      }
      switch bug {
      case .releaseKeepsAddress where plan.kind == .release, .handOnKeepsAddress where plan.isHandOn == true:
        skip(.address)
      case _ where plan.kind != .adoption: break
      case .fenceIsSkipped: skip(.fence)
      case .serverAfterAddress: move(.address, before: .server)
      case .notifyBeforeServer:
        move(.address, before: .server)
        move(.notify, before: .server)
      case .notifyIsSkipped: skip(.notify)
      default: break
      }
      return plan
    #else
      return plan
    #endif
  }
}
