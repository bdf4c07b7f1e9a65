/// What keeps others from locks that are not yet reclaimed: the grace period that runs while clients are told.
///
/// An adoption that is held up between its server step and its clients (the store does not answer, the daemon was away)
/// must not go on into the time after: their reclaims would be refused, and the locks are free for others from then on.
/// It lets go of the service's address while the grace period still runs, and begins anew.
extension NodeInstance {
  /// The running adoption of `name` has begun a grace period of `length`, of which `left` is left, and has told nobody
  /// of it yet. Before that, and where the operator sees to the grace period, this is not called.
  public mutating func onGrace(_ name: ServiceName, left: Duration, of length: Duration, now: BootInstant) {
    guard services[name]?.activity == .plan(.adoption), !timings.has(.graceIsNotWatched) else { return }
    let reserve = ReclaimWindow.reserve(of: length, stopTime: timings.stopTime)
    services[name]?.tellBy = now + left - reserve
    mayTellLate.insert(name)
  }

  /// The adoption of `name` is about to tell its clients, or has nobody to tell. False where too little of the grace
  /// period is left for them to reclaim in: then the plan must end with ``PlanOutcome/beginAnew(_:)``.
  public mutating func onTelling(_ name: ServiceName, anybody: Bool, now: BootInstant) -> Bool {
    guard anybody, let tellBy = services[name]?.tellBy, now >= tellBy else {
      services[name]?.tellBy = nil
      return true
    }
    return false
  }

  /// Adoptions whose clients can't be told in time any more.
  mutating func giveUpLateAdoptions(now: BootInstant) -> [NodeDirective] {
    var directives: [NodeDirective] = []
    for name in mayTellLate.sorted() {
      guard let tellBy = services[name]?.tellBy else {
        mayTellLate.remove(name)
        continue
      }
      guard now >= tellBy else { continue }
      directives += giveUp(
        name, because: "its clients were not told while enough of the grace period was left")
    }
    return directives
  }
}
