/// What a node settles when it starts: whether its name is free, and what a daemon before it left running.
extension NodeInstance {
  /// A name is free when its last beat was written from this very place, or was the last one of a daemon
  /// stopped on purpose, or has not changed for a lease.
  mutating func checkName(_ bytes: [UInt8]?, now: BootInstant) -> [NodeDirective] {
    let beat = bytes.flatMap(Beat.init(bytes:))
    let isForeign = beat.map { $0.instance.place != settings.instance.place } ?? false
    let isFirst = ownBeat.observed == nil
    if !isFirst, isForeign, bytes != ownBeat.observed { return refuse() }
    ownBeat.onLook(bytes, now: now)
    let isFree =
      !isForeign || beat?.stoppedForMilliseconds != nil
      || now - startedAt >= settings.timings.lease && ownBeat.isSilentForALease
    guard isFree else { return [] }
    beatBytes = bytes
    counter = beat?.counter ?? 0
    phase = .running
    return []
  }

  /// Of these services something stands on this machine, its address or the mark of an earlier daemon, as the machine
  /// itself says: the store may have lost the beat that told of it. To be told before the first look.
  public mutating func onStanding(_ services: Set<ServiceName>) {
    standing = timings.has(.standingIsNotLookedAt) ? [] : services
  }

  /// What a daemon before this one left running here and now belongs to another node must go.
  ///
  /// Where nothing stands here and there is no beat from this very place, there was no daemon since the boot, or it never
  /// served anything.
  mutating func settleLeftOvers(_ view: NodeView) -> [NodeDirective] {
    if timings.has(.leftOversStay) || !services.values.contains(where: \.mayBeLeftOver) { return [] }
    let last = view.beats[settings.node].flatMap(Beat.init(bytes:))
    let ranBefore = last?.instance.place == settings.instance.place
    var directives: [NodeDirective] = []
    for name in orderedServices where services[name]?.mayBeLeftOver == true {
      if settings.withdrawn.contains(name) {
        // The daemon that gave it up may not have lived to see the end of that.
        services[name]?.mayBeLeftOver = false
        directives.append(.withdraw(name, because: "an earlier daemon has given it up"))
        continue
      }
      let stands = standing.contains(name)
      if let bytes = view.owners[name], stands || ranBefore {
        // Where the key can't be read nobody can take it over: it may wait until somebody mends it.
        guard let ownership = Ownership(bytes: bytes) else { continue }
        if ownership.node == settings.node, ownership.state.isOwned { continue }
        // What has left the cluster is the operator's own again.
        if ownership.node != settings.node, ownership.state != .closed {
          directives.append(.withdraw(name, because: "it belongs to \(ownership.node) now"))
          services[name]?.needsRecovery = true
        }
      } else if stands {
        // Nobody owns it by the store: it stays until somebody does.
        continue
      }
      services[name]?.mayBeLeftOver = false
    }
    return directives
  }

  mutating func refuse() -> [NodeDirective] {
    phase = .refused
    var directives: [NodeDirective] = []
    for name in orderedServices where services[name]?.activity.isServing == true {
      directives += giveUp(name, because: "another node beats under the name \(settings.node)")
    }
    directives.append(
      .refuse(
        "another live node beats under the name \(settings.node) in this store: give each node a name of its own "
          + "('node:' in the node file) and start again"))
    return directives
  }
}
