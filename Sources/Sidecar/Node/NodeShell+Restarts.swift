import Cluster
import Logging
import NodeHost
import StatusMonitor

/// An NFS server that somebody has restarted: its clients have lost their locks, and no one else tells them in time.
extension NodeShell {
  /// This node's own server, as the kernel shows it.
  func onServer(_ found: NFSServerFacts, asked: BootInstant) async {
    let start = await serverStarts.onSight(found.sight(asked: asked))
    let isOwn = await serverTurn.restarts != restartsSeen
    // Whatever is younger than this sight is not in it.
    if let past = await serverTurn.restarts(before: asked) { restartsSeen = past }
    guard let start, !isOwn else { return }
    let shared = configuration.services.filter { $0.isolation == nil && !$0.usesGanesha }
    startTelling(
      concerned(by: start, among: shared), wereToldAfter: start.by,
      "this node's NFS server was restarted by somebody")
  }

  /// An isolated service's own.
  func onOwnServer(_ service: ServiceName, _ found: NFSServerFacts, asked: BootInstant) async {
    guard let start = await ownStarts[service, default: ServerStartWatch()].onSight(found.sight(asked: asked))
    else {
      return
    }
    // Nobody but its plan has any reason to: what was told since no grace period ran was told of this start.
    let own = configuration.services.filter { $0.name == service }
    startTelling(
      concerned(by: start, among: own), wereToldAfter: start.after ?? start.by,
      "its NFS server was restarted by somebody")
  }

  /// Of what a command has told nobody knows when. So where this daemon has not seen the server before, its start may be that
  /// of an adoption, and is no alarm.
  private func concerned(
    by start: ServerStartWatch.Start, among services: [ServiceConfiguration]
  ) -> [ServiceConfiguration] {
    services.filter { service in
      guard case .command = service.notification else { return true }
      return start.after != start.by
    }
  }

  /// NFS-Ganesha.
  func onGaneshaStart(_ start: BootInstant) {
    startTelling(
      configuration.services.filter(\.usesGanesha), wereToldAfter: start,
      "NFS-Ganesha was restarted by somebody")
  }

  /// An adoption has restarted this node's NFS server and tells everybody `number`: what another service's clients are
  /// still being told is older, and one that heard it last could let go of what it has reclaimed.
  func onOwnRestart(by service: ServiceName, _ number: StateNumber) async {
    for other in configuration.services
    where other.name != service && other.isolation == nil && isOnline(other.name) {
      guard let status = await notifications.status(other.name), status.ended == nil,
        status.stateNumber < Int(number.value)
      else { continue }
      await tellAgain(
        other.name, number, "the adoption of \(service) has restarted this node's NFS server",
        wereToldAfter: nil, until: .now)
    }
  }

  private func startTelling(
    _ services: [ServiceConfiguration], wereToldAfter start: BootInstant, _ because: String
  ) {
    // The looks at health go on meanwhile.
    jobs.start { await self.tell(services, wereToldAfter: start, because) }
  }

  /// Those whose plan runs, or which have not been seen yet since this daemon began, when they are online.
  private func tell(
    _ services: [ServiceConfiguration], wereToldAfter start: BootInstant, _ because: String
  ) async {
    let due = BootInstant.now + configuration.mirror.gracePeriod
    var (waiting, number) = (services, StateNumber?.none)
    while !Task.isCancelled {
      let settled = waiting.filter { isSettled($0.name) }
      waiting.removeAll { service in settled.contains { $0.name == service.name } }
      number = await tell(settled, wereToldAfter: start, number, because, until: due)
      if waiting.isEmpty || BootInstant.now >= due { return }
      try? await clock.sleep(for: .milliseconds(100))
    }
  }

  /// Not one that the store calls ours while this daemon has not taken it up yet.
  private func isSettled(_ service: ServiceName) -> Bool {
    let standing = instance.standing(of: service)
    let isOurs = instance.isServing(service) || standing.ownership?.node == configuration.node
    return standing.hasBeenSeen && (isOnline(service) || !isOurs)
  }

  /// Returns what they are told: one number for all, since a client of two of them takes another one for another restart.
  private func tell(
    _ services: [ServiceConfiguration], wereToldAfter start: BootInstant, _ number: StateNumber?,
    _ because: String, until due: BootInstant
  ) async -> StateNumber? {
    var concerned: [ServiceName] = []
    for service in services where isOnline(service.name) {
      guard let epoch = instance.standing(of: service.name).ownership?.epoch else { continue }
      let toldAt = try? await notifications.lastBegin(service.name, epoch: epoch)
      if let toldAt, toldAt >= start { continue }
      guard await (try? records(of: service.name))?.isEmpty != true else { continue }
      concerned.append(service.name)
    }
    var numbers = [number].compactMap(\.self)
    if numbers.isEmpty {
      for name in concerned {
        let next = try? await ServiceStateNumber.next(
          name, directory: statusDirectory(of: name), store: store, limit: configuration.beats.storeTimeout)
        if let next { numbers.append(next.number) }
      }
    }
    let number = numbers.max()
    for name in concerned {
      log.warning(
        "clients have lost their locks and are told",
        metadata: ["service": "\(name)", "because": "\(because)"])
      jobs.start { await self.tellAgain(name, number, because, wereToldAfter: start, until: due) }
    }
    return number
  }

  /// As often as it takes while there is time: nobody else tells them.
  private func tellAgain(
    _ name: ServiceName, _ number: StateNumber?, _ because: String, wereToldAfter start: BootInstant?,
    until due: BootInstant
  ) async {
    while !Task.isCancelled {
      if let start, let epoch = instance.standing(of: name).ownership?.epoch,
        let toldAt = try? await notifications.lastBegin(name, epoch: epoch), toldAt >= start
      {
        return
      }
      do {
        return try await tellAgain(
          name, NotificationRequest(force: false, actor: "lockferry", because: because), number: number)
      } catch {
        let isForGood = [.unsafe, .preconditionFailed, .noSuchObject].contains(error.code)
        guard !isForGood, BootInstant.now < due else {
          log.critical(
            "clients whose locks are gone are not told",
            metadata: ["service": "\(name)", "because": "\(because)", "error": "\(error.message)"])
          return
        }
        log.warning(
          "clients whose locks are gone are not told yet",
          metadata: ["service": "\(name)", "error": "\(error.message)"])
        try? await clock.sleep(for: .seconds(1))
      }
    }
  }
}

extension NFSServerFacts {
  /// For whoever looks out for a start. Who lockd is counts, and is looked for, while a grace period runs.
  fileprivate func sight(asked: BootInstant) async -> ServerStartWatch.Sight {
    let isInGrace = graceEnded == false
    let lockManager = isInGrace ? try? await OwnThread.run("lf-lockd") { LockManagerThread.find() } : nil
    return ServerStartWatch.Sight(
      isServing: threads.map { $0 > 0 }, isInGrace: isInGrace,
      lockManagerStart: lockManager.map { BootInstant(sinceBoot: $0.startedAt) }, asked: asked)
  }
}
