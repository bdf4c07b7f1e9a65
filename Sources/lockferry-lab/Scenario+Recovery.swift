import HostTestKit

extension Setting {
  /// `recovery` of the node files.
  enum Recovery: String, Sendable, CaseIterable {
    /// A command restarts the one NFS server of the machine.
    case restart
    /// lockferry restarts it.
    case nfs = "restart-nfs"
    /// lockferry restarts its lock manager and the status monitor.
    case lockManager = "restart-lockd"
    /// The service has a network namespace, an NFS server and a status monitor of its own.
    case isolated
    /// NFS-Ganesha serves in the place of the kernel.
    case ganesha
    /// Nothing does.
    case none

    /// What most scenarios can be played with.
    static let inEveryWay: [Recovery] = [.nfs, .lockManager, .isolated]

    /// What `/proc/locks` of the serving machine has of clients' locks.
    var lockKind: Locks.Kind { self == .ganesha ? .openFileDescription : .posix }

    /// For `lab/guest/common.sh` to fill in.
    func text(_ setting: Setting) -> String {
      let server =
        switch self {
        case .restart: "server: {command: [@SCRIPTS@/nfs-server.sh, recover, @SERVICE@]}, "
        case .nfs, .lockManager, .ganesha: "server: \(rawValue), "
        case .isolated:
          "server: {isolated: {exports: "
            + "[\"/srv/@SERVICE@ *(rw,sync,insecure,no_root_squash,no_subtree_check,fsid="
            + (setting.servesVersion4 ? "0" : "@FSID@") + ")\"]"
            + (setting.statusMonitor == .lockferry ? ", status_monitor: lockferry" : "")
            + (setting.servesVersion4 ? ", nfs4: /srv/@SERVICE@/.nfs4" : "") + "}}, "
        case .none: "server: none, "
        }
      let withdraw =
        switch self {
        case .isolated: ""
        case .ganesha: "withdraw: {command: [@SCRIPTS@/ganesha-export.sh, remove, @SERVICE@]}, "
        default: "withdraw: {command: [@SCRIPTS@/nfs-server.sh, withdraw, @SERVICE@]}, "
        }
      return "{\(server)\(withdraw)notify: \(setting.notify)}"
    }
  }
}

/// The same stories with other ways to recover.
extension Scenario {
  /// With which it can be played.
  var recoveries: [Setting.Recovery] {
    [setting.recovery] + otherRecoveries
  }

  /// The same with another one, on `kernel`.
  func recovering(by recovery: Setting.Recovery, on kernel: KernelPackage) -> Scenario {
    guard recovery != setting.recovery else { return self }
    var setting = setting
    setting.recovery = recovery
    let other = Scenario(name: "\(name)-\(recovery.rawValue)", what: what, setting: setting, play: play)
    guard recovery == .lockManager, kernel.isAtLeast(6, 6) else { return other }
    return Scenario(
      name: other.name, what: "this kernel's lockd takes no signal, so nobody may open the service",
      expectedToFail: "from Linux 6.6 on lockd is not restarted alone", setting: setting
    ) { site in
      try await site.powerOn()
      var outcome = Outcome(heldBefore: 0, heldAfter: 0)
      outcome.isRefusal = true
      for server in [site.a, site.b] {
        try await eventually(within: .seconds(240), "\(server.name) says why it can't serve the service") {
          let service = try await site.status(of: server).service("home")
          guard
            let reason = service?.reasons(against: server.name).first(where: {
              $0.contains("takes no signal")
            })
          else { return false }
          outcome.remarks.append("\(server.name): \(reason)")
          return true
        }
      }
      if let epoch = try await site.status(of: site.a).service("home")?.epoch, epoch > 0 {
        outcome.unexplained.append("the service has had an owner: epoch \(epoch)")
      }
      return outcome
    }
  }

  /// M7: nothing begins a grace period, until an administrator does.
  static let notifyAlone = Scenario(
    name: "notify-alone",
    what:
      "the primary's power is cut, and no recovery.server begins a grace period; later somebody restarts NFS",
    setting: Setting(recovery: .none)
  ) { site in
    let held = try await site.begin()
    try await site.a.powerCut()
    site.note("power of a is cut")
    let refused = try await site.judgeRefusal(
      by: site.b, heldBefore: held, saying: "no grace period runs here")
    try await site.b.run("$lab_bin/rpc.nfsd 0; $lab_bin/rpc.nfsd")
    site.note("somebody has restarted the NFS server of b")
    var outcome = try await site.judgeAdoption(heldBefore: held)
    outcome.problems += refused.unexplained
    return outcome
  }
}

extension KernelPackage {
  /// Its version is this one, or a later one.
  func isAtLeast(_ major: Int, _ minor: Int) -> Bool {
    let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
    guard numbers.count == 2 else { return false }
    return (numbers[0], numbers[1]) >= (major, minor)
  }
}

extension Site {
  /// For a while `server` could adopt the service, and must not: nobody may get its locks by that, and the operator
  /// must be told why, in these words among others.
  func judgeRefusal(by server: Guest, heldBefore: Int, saying words: String) async throws -> Outcome {
    do {
      try await waitUntilOnline(server, within: .seconds(90))
    } catch {
      var outcome = Outcome(heldBefore: heldBefore, heldAfter: try await locksHeld(on: server))
      outcome.isRefusal = true
      outcome.wronglyGranted = wronglyGranted.count
      outcome.pause = try await longestPause()
      outcome.unexplained += wronglyGranted.prefix(3).map { "asker: \($0)" }
      let line = server.text("lockferry.log").split(separator: "\n").last { $0.contains(words) }
      if let line {
        outcome.remarks.append("the service was not online on \(server.name): \(line)")
      } else {
        outcome.unexplained.append(
          "the service is not online on \(server.name), and its log does not say why")
      }
      return outcome
    }
    return try await judge(on: server, heldBefore: heldBefore)
  }
}
