import Cluster
import Logging
import NodeHost

/// Stopping to serve.
extension NodeShell {
  /// A run directory is memory as a rule.
  private static let markLimit = Duration.milliseconds(500)

  /// Stops serving without asking the store; until that is verified it is tried again.
  func withdraw(_ service: ServiceName, because: String) {
    guard let configured = configuration.services.first(where: { $0.name == service }),
      withdrawals.insert(service).inserted
    else { return }
    withdrawalsDue[service] = .now + configuration.beats.stopTime
    log.notice("stops serving", metadata: ["service": "\(service)", "because": "\(because)"])
    jobs.start {
      await self.withdrawUntilGone(configured)
      // A step of the plan that was stopped may have ended after the withdrawal and undone it.
      if await self.isBusy(service) {
        while await self.isBusy(service), !Task.isCancelled {
          try? await self.clock.sleep(for: .milliseconds(10))
        }
        await self.withdrawUntilGone(configured)
      }
      await self.endWithdrawal(service)
    }
  }

  private func withdrawUntilGone(_ service: ServiceConfiguration) async {
    var delay = Duration.milliseconds(50)
    // A node that never had the address does not run `recovery.withdraw`, which may concern other services.
    var isHere = false
    while !Task.isCancelled {
      do {
        // First, for a daemon that begins in the middle; but what can't be written down must end all the same.
        await writeDown(service.name)
        if !isHere { isHere = try await service.mayBeHere(in: configuration.namespace(of: service)) }
        if isHere { try await withdrawOnce(service) }
        marks.remove(.broughtUp, service.name)
        if isHere { log.error("the service is given up", metadata: ["service": "\(service.name)"]) }
        return
      } catch {
        log.critical(
          "the service can't be given up yet; if this goes on, power this machine off",
          metadata: ["service": "\(service.name)", "error": "\(error)"])
        try? await clock.sleep(for: delay)
        delay = min(delay * 2, .seconds(2))
        if servesAgain(service.name) { return }
      }
    }
  }

  /// Goes on with that for as long as it takes, but keeps nobody waiting for longer than ``markLimit``.
  private func writeDown(_ service: ServiceName) async {
    if unwritten.insert(service).inserted { jobs.start { await self.writeDownUntilDone(service) } }
    let limit = BootInstant.now + Self.markLimit
    while unwritten.contains(service), BootInstant.now < limit {
      try? await clock.sleep(for: .milliseconds(1))
    }
  }

  private func writeDownUntilDone(_ service: ServiceName) async {
    await marks.putGivenUp(service, clock: clock, log: log, isTakenUpAgain: { servesAgain(service) })
    unwritten.remove(service)
  }

  /// Address and `recovery.withdraw` share `beats.stop_time`: by its end the others may begin.
  private func withdrawOnce(_ service: ServiceConfiguration) async throws {
    let deadline = BootInstant.now + configuration.beats.stopTime
    func run(_ command: CommandConfiguration) async throws {
      let left = max(deadline - .now, .milliseconds(100))
      let outcome = await HostCommand.run(
        command.arguments, environment: ["LOCKFERRY_SERVICE": service.name.text],
        within: min(left, command.timeout))
      guard outcome.succeeded else {
        throw PlanError("\(command.arguments.joined(separator: " ")): \(outcome.explanation)")
      }
    }
    let namespace = configuration.namespace(of: service)
    _ = try await service.releaseAddress(in: namespace, run)
    if let namespace {
      // What is being started there just now would come too late to be ended.
      while restarting.contains(service.name) {
        guard BootInstant.now < deadline else {
          throw PlanError("a program of \(service.name) is being started")
        }
        try await clock.sleep(for: .milliseconds(10))
      }
      return try await namespace.tearDown(within: max(deadline - .now, .milliseconds(500)))
    }
    if let command = service.serverWithdrawal { try await run(command) }
  }

  /// What an earlier daemon, or somebody, has left on this machine: looked at here, since the store may have lost every
  /// trace of it.
  func standingHere() async -> Set<ServiceName> {
    let names = configuration.services.map(\.name)
    var found = marks.marked(.broughtUp, names)
    for service in configuration.services where !found.contains(service.name) {
      let namespace = configuration.namespace(of: service)
      // Without an address that lockferry itself moves only the mark tells.
      var canTell = namespace != nil
      if case .interface? = service.address { canTell = true }
      guard canTell else { continue }
      do {
        if try await service.mayBeHere(in: namespace) { found.insert(service.name) }
      } catch {
        log.warning(
          "the kernel does not tell whether an address is here; it is looked at again if it must go",
          metadata: ["service": "\(service.name)", "error": "\(error)"])
        found.insert(service.name)
      }
    }
    return found
  }

  private func servesAgain(_ service: ServiceName) -> Bool { instance.isServing(service) }

  private func isBusy(_ service: ServiceName) -> Bool { busy.contains(service) }

  private func endWithdrawal(_ service: ServiceName) async {
    withdrawals.remove(service)
    withdrawalsDue[service] = nil
    // Now, whatever the beats wait for: nobody feeds the watchdog any more.
    await tendSelfFence()
  }
}

extension ServiceConfiguration {
  /// One of its addresses is on this node; where lockferry does not know, it may be.
  fileprivate func mayBeHere(in namespace: ServiceNamespace?) async throws -> Bool {
    if let namespace { return try await OwnThread.run("lf-isolated") { namespace.stands() } }
    guard let addresses = try addressLinks(in: nil) else { return true }
    return try await !addresses.present().isEmpty
  }
}
