import Cluster
import Logging
import NodeHost
import SharedStore

/// What this node finds out about itself for the choice of who serves a service.
extension NodeShell {
  /// A look has read what `node` says of itself; this node says so where that has changed.
  func onEligibility(of node: NodeName, _ stored: [UInt8]?) {
    guard node == configuration.node else {
      if let said = stored.flatMap({ StoreJSON.value(Eligibility.self, $0) }) {
        instance.onEligibility(of: node, said)
      }
      return
    }
    // A name that may be another's is not written under.
    guard instance.phase == .running, !isSayingEligibility else { return }
    let own = ask { $0.eligibility(now: .now) }
    if eligibility?.value != own {
      guard let bytes = try? StoreJSON.bytes(own) else { return }
      eligibility = (own, bytes)
    }
    guard let eligibility, eligibility.bytes != stored else { return }
    isSayingEligibility = true
    // The beat does not wait for it.
    jobs.start { await self.sayEligibility(eligibility.bytes) }
  }

  /// A key of its own, since a node that is unwell does not beat and shall still say why. The next look tells whether it is
  /// there.
  private func sayEligibility(_ bytes: [UInt8]) async {
    do {
      let key = try ClusterKeys.eligibility(configuration.node)
      _ = try await store.commit(
        StoreTransaction(writes: [.init(key, bytes)], durability: .visible),
        within: configuration.beats.storeTimeout)
    } catch {
      // The beat loop reports a store that does not answer.
    }
    isSayingEligibility = false
  }

  /// Runs the operator's checks of every service that is not served here, and looks whether lockferry could do what
  /// it would have to.
  func check() async {
    let checked = configuration.services.filter {
      $0.isChecked && $0.candidates.contains(configuration.node)
    }
    guard !checked.isEmpty else { return }
    while !Task.isCancelled {
      let began = BootInstant.now
      let due = checked.filter { !instance.standing(of: $0.name).isServedHere }
      let (configuration, directory) = (configuration, directory)
      await withTaskGroup(of: (ServiceName, [String]).self) { group in
        // Not all at once: each is a process.
        for (index, service) in due.enumerated() {
          if index >= Self.mostChecks, let (name, problems) = await group.next() {
            instance.onChecks(of: name, problems: problems)
          }
          group.addTask { (service.name, await service.problems(on: configuration, directory)) }
        }
        for await (name, problems) in group { instance.onChecks(of: name, problems: problems) }
      }
      let rest = configuration.adoption.checkInterval - (BootInstant.now - began)
      try? await clock.sleep(for: max(rest, .milliseconds(100)))
    }
  }

  private static var mostChecks: Int { 8 }

  /// A step of a plan has failed on this machine; true where another candidate shall try.
  func onStepFailed(_ service: ServiceName, _ step: PlanStep.Kind, failures: Int) -> Bool {
    instance.onStepFailed(service, step, failures: failures, now: .now)
  }

  /// Asks whether the owner serves the service.
  func askWitness(_ name: ServiceName, of owner: NodeName) {
    guard let service = configuration.services.first(where: { $0.name == name }) else { return }
    let round = WitnessRound(
      service: service, namespace: configuration.namespace(of: service), owner: owner,
      probes: configuration.adoption.witnesses,
      limit: configuration.adoption.policy.witnessTimeout, store: store,
      storeTimeout: configuration.beats.storeTimeout)
    jobs.start {
      let answer = await round.ask()
      await self.onWitness(name, of: owner, answer)
    }
  }

  private func onWitness(_ name: ServiceName, of owner: NodeName, _ answer: WitnessAnswer) async {
    log.debug("a witness", metadata: ["service": "\(name)", "owner": "\(owner)", "answer": "\(answer)"])
    await carryOut(instance.onWitness(name, of: owner, answer, now: .now))
  }

  /// Raises the alarm once for each reason, and says when it is over.
  func tellOfStranded() {
    for name in configuration.services.map(\.name) {
      let held = ask { $0.whyHeld(name, now: .now) }
      if let held, toldHeld[name] == nil {
        log.error("a service is held", metadata: ["service": "\(name)", "because": "\(held)"])
      }
      toldHeld[name] = held
      let reason = ask { $0.whyStranded(name, now: .now) }
      if let reason, toldStranded[name] == nil {
        log.critical("a service is stranded", metadata: ["service": "\(name)", "because": "\(reason)"])
      } else if reason == nil, toldStranded[name] != nil {
        log.notice("a service is not stranded any more", metadata: ["service": "\(name)"])
      }
      toldStranded[name] = reason
    }
  }
}

extension ServiceConfiguration {
  /// Which of its checks fail on this node, and how.
  fileprivate func problems(
    on node: NodeConfiguration, _ directory: StatusDirectory
  ) async -> [String] {
    var problems: [String] = []
    if let ownRecovery {
      do {
        problems = try await ownRecovery.procedure(
          directory, length: node.mirror.gracePeriod
        ).refusals.map {
          "\(ownRecovery.word): \($0)"
        }
      } catch {
        problems = ["\(ownRecovery.word): \(error)"]
      }
    }
    if let facts = await node.isolationFacts(of: self) {
      problems += facts.refusals.map { "isolated: \($0)" }
    }
    for (key, check) in checks {
      let outcome = await HostCommand.run(
        check.arguments,
        environment: [
          "LOCKFERRY_SERVICE": name.text, "LOCKFERRY_NODE": node.node.text, "LOCKFERRY_STEP": "check",
        ], within: check.timeout)
      if !outcome.succeeded { problems.append("\(key): \(outcome.explanation)") }
    }
    return problems
  }

  /// The checks, by the keys under which the operator wrote them.
  var checks: [(key: String, command: CommandConfiguration)] {
    [("storage.check", storageCheck), ("recovery.check", recoveryCheck)].compactMap { key, command in
      command.map { (key, $0) }
    }
  }
}
