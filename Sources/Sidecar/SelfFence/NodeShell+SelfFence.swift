import Cluster
import Logging
import NodeHost

/// The machine's watchdog, fed only by what the store has seen.
extension NodeShell {
  /// Whether the device has to count: something is served here, may have been left running by the daemon before this one,
  /// or is not proved to be withdrawn.
  private var ownsAnything: Bool {
    instance.servesAnything || !withdrawals.isEmpty
      || selfFenceDevice?.wasArmed == true && instance.mayHaveLeftovers
  }

  /// Arms or disarms the device as what is owned here demands.
  func tendSelfFence() async {
    guard selfFence != nil else { return }
    await carryOut(selfFence?.onOwning(ownsAnything, now: .now) ?? [])
  }

  /// A renewal has reached the store.
  func feedSelfFence(renewedAt sentAt: BootInstant) async {
    guard selfFence != nil else { return }
    let now = BootInstant.now
    let overdue = withdrawalsDue.filter { $0.value < now }.keys.sorted()
    if selfFence?.isArmed == true, !overdue.isEmpty {
      log.critical(
        "the watchdog is not fed: what had to be given up is still here",
        metadata: ["services": "\(overdue.map(\.text).joined(separator: ", "))"])
    }
    await carryOut(selfFence?.onRenewed(sentAt: sentAt, isOverdue: !overdue.isEmpty, now: now) ?? [])
  }

  /// Nothing of a service runs here before the machine would be reset for it.
  func waitUntilFenced() async {
    while selfFence?.isArmed == false, ownsAnything, !Task.isCancelled {
      await tendSelfFence()
      guard selfFence?.isArmed == false else { return }
      try? await clock.sleep(for: .milliseconds(10))
    }
  }

  /// The daemon ends, and the others know it; what is owned goes on being served.
  func leaveSelfFence() async {
    guard selfFence?.isArmed == true, let device = selfFenceDevice else { return }
    do {
      try await OwnThread.run("lf-watchdog") { try device.outlastStop() }
      log.notice(
        "this machine is reset unless lockferry is back in time",
        metadata: [
          "watchdog": "\(device.path)",
          "within": "\(configuration.beats.watchdogAfterStop.map(DurationText.text) ?? "")",
        ])
    } catch {
      log.critical(
        "the watchdog takes no longer time: this machine is reset soon unless lockferry is back",
        metadata: ["error": "\(error)"])
    }
  }

  private func carryOut(_ directives: [SelfFence.Directive]) async {
    guard let device = selfFenceDevice else { return }
    for directive in directives {
      switch directive {
      case .arm: await arm(device)
      case .disarm: await disarm(device)
      case .feed(let renewedAt):
        do {
          try await OwnThread.run("lf-watchdog") { try device.feed(renewedAt: renewedAt) }
        } catch {
          log.critical(
            "the watchdog can't be fed: this machine will be reset", metadata: ["error": "\(error)"])
        }
      }
    }
  }

  private func arm(_ device: SelfFenceDevice) async {
    do {
      try await OwnThread.run("lf-watchdog") { try device.arm() }
      log.notice("the watchdog is armed", metadata: ["watchdog": "\(device.path)"])
      await carryOut(selfFence?.onArmed(now: .now) ?? [])
    } catch {
      // Nothing has been touched: another candidate may take what was claimed here.
      let problem = "self_fence: \(error); this node serves nothing without it"
      log.critical("\(problem)")
      onRefusal(.failed, problem)
    }
  }

  private func disarm(_ device: SelfFenceDevice) async {
    do {
      try await OwnThread.run("lf-watchdog") { try device.disarm() }
      log.notice("the watchdog is disarmed", metadata: ["watchdog": "\(device.path)"])
      await carryOut(selfFence?.onDisarmed(now: .now) ?? [])
    } catch {
      selfFence?.onDisarmFailed()
      log.critical(
        "the watchdog can't be stopped: this machine is reset when its lease is not renewed any more",
        metadata: ["error": "\(error)"])
    }
  }
}
