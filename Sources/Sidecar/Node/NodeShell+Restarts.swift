import Cluster
import Logging
import NodeHost
import StatusMonitor

/// An NFS server that somebody has restarted: its clients have lost their locks, and no one else tells them in time.
extension NodeShell {
  /// This node's own server, as the kernel shows it.
  func onServer(_ found: NFSServerFacts, asked: BootInstant) async {
    let sight = await found.sight(asked: asked)
    tell(
      of: restarts.onShared(
        sight, planned: await serverTurn.restarts, plannedInSight: await serverTurn.restarts(before: asked)))
  }

  /// An isolated service's own.
  func onOwnServer(_ service: ServiceName, _ found: NFSServerFacts, asked: BootInstant) async {
    tell(of: restarts.onIsolated(service, await found.sight(asked: asked)))
  }

  /// NFS-Ganesha.
  func onGaneshaStart(_ start: BootInstant) { tell(of: restarts.onGanesha(start)) }

  /// An adoption has restarted this node's NFS server and tells everybody `number`: what another service's clients are
  /// still being told is older, and one that heard it last could let go of what it has reclaimed.
  func onOwnRestart(by service: ServiceName, _ number: StateNumber) async {
    let now = BootInstant.now
    var restart = UntoldRestart(
      because: "the adoption of \(service) has restarted this node's NFS server",
      server: .shared, start: now, due: now, services: [])
    restart.onTold(number, at: now)
    for other in configuration.services
    where other.name != service && other.isolation == nil && isOnline(other.name) {
      guard let status = await notifications.status(other.name), status.ended == nil,
        status.stateNumber < Int(number.value)
      else { continue }
      await tellAgain(other.name, of: restart)
    }
  }

  /// The looks at health go on meanwhile.
  private func tell(of restart: UntoldRestart?) {
    guard let restart, !restart.waiting.isEmpty else { return }
    jobs.start { await self.tellAll(of: restart) }
  }

  private func tellAll(of restart: UntoldRestart) async {
    var restart = restart
    while !Task.isCancelled {
      var untold: [ServiceName] = []
      let isWaiting = restart.waitsForOthers(at: .now) && isFinishingRestart
      for name in restart.onLook({ isWaiting ? .unsettled : whereabouts(of: $0) }) {
        guard await !isKnown(restart, to: name), await (try? records(of: name))?.isEmpty != true else {
          continue
        }
        untold.append(name)
      }
      if restart.server == .shared, let (number, moment) = finishedRestart {
        restart.onTold(number, at: moment)
      }
      _ = restart.onNumbers(restart.number == nil ? await nextNumbers(of: untold) : [])
      for name in untold {
        log.warning(
          "clients have lost their locks and are told",
          metadata: ["service": "\(name)", "because": "\(restart.because)"])
        let restart = restart
        jobs.start { await self.tellAgain(name, of: restart) }
      }
      if restart.isOver(at: .now) { break }
      try? await clock.sleep(for: .milliseconds(100))
    }
    // A daemon that ends leaves it to the next one, which sees the start anew.
    guard !Task.isCancelled else { return }
    for name in restart.waiting {
      log.critical(
        "clients whose locks may be gone are not told: no plan of the service ended in time; see lockferry status",
        metadata: ["service": "\(name)", "because": "\(restart.because)"])
    }
  }

  private func isKnown(_ restart: UntoldRestart, to service: ServiceName) async -> Bool {
    guard let epoch = instance.standing(of: service).ownership?.epoch else { return false }
    return restart.isKnown(toldAt: try? await notifications.lastBegin(service, epoch: epoch))
  }

  private func nextNumbers(of services: [ServiceName]) async -> [StateNumber] {
    var numbers: [StateNumber] = []
    for name in services {
      let next = try? await ServiceStateNumber.next(
        name, directory: statusDirectory(of: name), store: store, limit: configuration.beats.storeTimeout)
      if let next { numbers.append(next.number) }
    }
    return numbers
  }

  /// As often as it takes while there is time: nobody else tells them.
  private func tellAgain(_ name: ServiceName, of restart: UntoldRestart) async {
    var toldProblem: String?
    while !Task.isCancelled, await !isKnown(restart, to: name) {
      do {
        return try await tellAgain(
          name, NotificationRequest(force: false, actor: "lockferry", because: restart.because),
          number: restart.number)
      } catch {
        let isForGood = [.unsafe, .preconditionFailed, .noSuchObject].contains(error.code)
        switch restart.afterFailure(isForGood: isForGood, at: whereabouts(of: name), now: .now) {
        case .leaveToNextOwner:
          log.notice(
            "the service has moved meanwhile: its next owner tells its clients",
            metadata: ["service": "\(name)", "because": "\(restart.because)"])
          return
        case .giveUp:
          log.critical(
            "clients whose locks are gone are not told",
            metadata: [
              "service": "\(name)", "because": "\(restart.because)", "error": "\(error.message)",
            ])
          return
        case .tryAgain:
          if error.message != toldProblem {
            log.warning(
              "clients whose locks are gone are not told yet",
              metadata: ["service": "\(name)", "error": "\(error.message)"])
          }
          toldProblem = error.message
        }
        try? await clock.sleep(for: .seconds(1))
      }
    }
  }
}

extension ServiceConfiguration {
  /// As far as it matters who restarts its NFS server.
  var servedForRestarts: ServerRestarts.Service {
    var isToldByCommand = false
    if case .command = notification { isToldByCommand = true }
    return ServerRestarts.Service(
      name: name, server: isolation != nil ? .isolated : usesGanesha ? .ganesha : .shared,
      isToldByCommand: isToldByCommand)
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
