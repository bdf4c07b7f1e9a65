import Cluster
import NodeHost
import StatusMonitor

/// The step `server`: the NFS server takes the service up, and a grace period runs in which its clients reclaim.
extension PlanRunner {
  /// The first opening: whoever holds locks here already must not lose them to a restart.
  func openServer(_ journal: inout PlanJournal) async throws -> String {
    if case .restart = service.serverRecovery { return try await takeUp() }
    if service.usesGanesha {
      // Nobody has lost anything, and it serves all the time: it has only to be there.
      _ = try await acceptedProcedure()
      return "NFS-Ganesha goes on"
    }
    // Nobody holds locks in a namespace that was made a moment ago.
    if service.isolation != nil { return try await recoverServer(&journal) }
    let directory = context.directory
    let scan = try? await OwnThread.run("lf-scan-sm") { try directory.scan(previous: nil) }
    guard let held = scan?.records.count, held > 0 else { return try await recoverServer(&journal) }
    return "left alone: \(held) clients may hold locks here; exports are taken as they are"
  }

  /// Nobody has lost anything, so nothing is restarted.
  private func takeUp() async throws -> String {
    let (server, facts) = try await OwnThread.run("lf-nfsd") { (NFSService(), NFSServerFacts.read()) }
    guard facts.isServing else {
      if !server.isUnderSystemd { try await server.export() }
      try await server.start()
      return "the NFS server is started"
    }
    try await server.export()
    return "the NFS server goes on, with all exports"
  }

  func recoverServer(_ journal: inout PlanJournal) async throws -> String {
    journal.graceLeft = nil
    switch service.serverRecovery {
    case nil: return try await expectRunningGrace(&journal)
    case .isolated: return try await startOwnServer(&journal)
    case .command(let command): return try await restart(&journal) { try await recover(by: command, $0) }
    case .restart, .ganesha: return try await restart(&journal) { try await recoverByItself(&$0) }
    }
  }

  /// Restarts this node's own NFS server, which no other plan does meanwhile, and begins to tell its clients.
  private func restart(
    _ journal: inout PlanJournal, by body: (inout PlanJournal) async throws -> String
  ) async throws -> String {
    try await context.serverTurn.take(toRestart: true)
    var hasBegun = false
    do {
      try await renewStateNumber(&journal)
      // Whoever has come since the records were merged is lost with the restart, too.
      try await rememberOwnClients()
      hasBegun = true
      let done = try await body(&journal)
      // Now, since they need no service address, and whatever fails after this has taken their locks already.
      let (runner, soFar) = (self, journal)
      let told = await Task { await runner.tellOfRestart(soFar) }.value
      await forgetRestart()
      await context.serverTurn.leave()
      return done + told
    } catch {
      // Somebody else may adopt the service then, and nobody here would tell them; also if the plan has been called off.
      let (runner, soFar) = (self, journal)
      let told = hasBegun ? await Task { await runner.tellOfFailedRestart(soFar) }.value : ""
      if !told.isEmpty { await forgetRestart() }
      await context.serverTurn.leave()
      throw told.isEmpty ? error : PlanError("\(error)\(told)")
    }
  }

  /// Not before everybody is told: a daemon that is killed until then leaves that to the next one.
  private func forgetRestart() async {
    let interrupted = context.interrupted
    try? await OwnThread.run("lf-restarting") {
      if interrupted.part == .server, NFSServerFacts.read().isServing { interrupted.forget() }
    }
  }

  private func tellOfRestart(_ journal: PlanJournal) async -> String {
    guard let number = journal.number else { return "" }
    await context.onOwnRestart(service.name, number)
    let left = journal.graceLeft.map { Duration.milliseconds($0) } ?? context.gracePeriod
    return await tellOwnClients(number, graceLeft: left, patience: .zero)
  }

  /// Where the kernel says that a grace period runs: told outside of one, clients would forget the locks that they still
  /// have (fs/lockd/clntproc.c, `nlmclnt_reclaim`).
  private func tellOfFailedRestart(_ journal: PlanJournal) async -> String {
    let facts = try? await OwnThread.run("lf-nfsd") { NFSServerFacts.read() }
    guard facts?.isServing == true, facts?.graceEnded == false else { return "" }
    return await tellOfRestart(journal)
  }

  private func recover(by recovery: CommandConfiguration, _ journal: PlanJournal) async throws -> String {
    try await command(
      recovery, "server", ["LOCKFERRY_STATE_NUMBER": journal.stateNumber.map(String.init) ?? ""])
    let facts = try await OwnThread.run("lf-nfsd") { NFSServerFacts.read() }
    if facts.threads == 0 {
      throw PlanError(
        "\(recovery.arguments.joined(separator: " ")) succeeded, but nfsd has no threads "
          + "(/proc/fs/nfsd/threads): it serves nobody")
    }
    if plan.kind == .adoption, facts.isServing, facts.graceEnded == true {
      throw PlanError(
        "\(recovery.arguments.joined(separator: " ")) succeeded, but lockd has no grace period running "
          + "(/proc/fs/lockd/nlm_end_grace says Y): reclaims would be refused. An NFSv3 mount on this node keeps lockd "
          + "up across a restart; see docs/failure-model.md")
    }
    let grace =
      facts.graceEnded.map { $0 ? "" : "; its grace period runs" } ?? "; no kernel lock manager to ask"
    return recovery.arguments.joined(separator: " ") + grace
  }

  /// Nothing here begins a grace period, so one must run: before the address comes, or others take locks meanwhile.
  private func expectRunningGrace(_ journal: inout PlanJournal) async throws -> String {
    guard try await !storedRecords().isEmpty else { return "no client to tell" }
    let window = try await ReclaimWindow.read(try await NFSServerFacts.read(for: nil))
    let reserve = ReclaimWindow.reserve(of: context.gracePeriod, stopTime: context.stopTime)
    if let obstacle = window.obstacle(reserve: reserve) {
      throw PlanError(
        obstacle
          + ". Restart this node's NFS server, and the adoption goes on; let recovery.server do it; or see "
          + "recovery.without_grace in docs/configuration.md")
    }
    guard case .open(let left?) = window else { return "no kernel lock manager to ask" }
    journal.graceLeft = left.wholeMilliseconds
    return "a grace period runs here, of which at least \(left.components.seconds) s are left"
  }

  private func recoverByItself(_ journal: inout PlanJournal) async throws -> String {
    let (word, procedure) = try await acceptedProcedure()
    var run = RecoveryRun(gracePeriod: context.gracePeriod, interrupted: context.interrupted)
    let done = try await run.run(procedure)
    journal.graceLeft = try run.graceLeft().wholeMilliseconds
    return "\(word): \(done.joined(separator: "; "))"
  }

  /// What lockferry itself is to do here and now, if nothing stands against it.
  private func acceptedProcedure() async throws -> (word: String, RecoveryProcedure) {
    guard let recovery = service.ownRecovery else {
      throw PlanError("\(service.name) has no recovery.server of lockferry's own")
    }
    let procedure = try await recovery.procedure(context.directory, length: context.gracePeriod)
    guard procedure.refusals.isEmpty else {
      throw PlanError("\(recovery.word): \(procedure.refusals.joined(separator: "; "))")
    }
    return (recovery.word, procedure)
  }
}
