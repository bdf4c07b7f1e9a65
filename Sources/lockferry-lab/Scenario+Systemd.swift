import Foundation
import HostTestKit

/// Servers that systemd runs, with Debian's units for their NFS server and lockferry's own.
extension Scenario {
  /// M7, B3: nothing that serves belongs to the daemon's unit, so that a restart of it is no interruption, and what is released
  /// leaves no unit behind.
  static let underSystemd = Scenario(
    name: "crash-under-systemd",
    what: "systemd runs the servers; lockferry's unit is restarted on the primary; later its power is cut",
    otherRecoveries: Setting.Recovery.inEveryWay, setting: Setting(isUnderSystemd: true, recovery: .isolated)
  ) { try await $0.restartUnit(statusMonitor: "rpc.statd") }

  /// The same where `lockferry statd` is the service's status monitor.
  static let statdUnderSystemd = Scenario(
    name: "statd-under-systemd",
    what: "the same, with lockferry statd as the status monitor of the isolated service",
    setting: Setting(isUnderSystemd: true, statusMonitor: .lockferry, recovery: .isolated)
  ) { try await $0.restartUnit(statusMonitor: "lockferry-statd") }

  /// Why this machine can't play it; nil where it can.
  var obstacle: String? {
    let programs = ["/lib/systemd/systemd", "/usr/bin/systemctl", "/usr/bin/systemd-run"]
    guard setting.isUnderSystemd,
      let missing = programs.first(where: { !FileManager.default.isExecutableFile(atPath: $0) })
    else { return nil }
    return "\(name) needs systemd, and this machine has no \(missing); apt-get install systemd"
  }
}

extension Site {
  /// Nothing of the service ends with the daemon's unit on the primary, whose power is cut later; its status monitor is a
  /// process of that name.
  fileprivate func restartUnit(statusMonitor: String) async throws -> Outcome {
    let held = try await begin()
    let isIsolated = rack.recovery == .isolated
    let before = isIsolated ? try await programsOfService(on: a, statusMonitor) : []
    try await a.run("systemctl restart lockferry")
    try await waitUntilOnline(a)
    note("lockferry.service on a is restarted")
    try await waitForAnswers(2)
    let after = isIsolated ? try await programsOfService(on: a, statusMonitor) : []
    let heldAfter = try await locksHeld(on: a)
    try await waitUntilMirrored(a)
    try await a.powerCut()
    note("power of a is cut")
    var outcome = try await judgeAdoption(heldBefore: held)
    if heldAfter != held {
      outcome.problems.append(
        "\(held) locks were held before lockferry.service was restarted, \(heldAfter) after")
    }
    guard isIsolated else { return outcome }
    if before.isEmpty || before != after {
      outcome.problems.append(
        "programs of the service: \(before.joined(separator: "; ")); after the restart of lockferry.service: "
          + after.joined(separator: "; "))
    }
    outcome.problems += try await remainsOfService(on: b)
    return outcome
  }

  /// `PROCESS NAME CONTROL-GROUP` of each program of the isolated service.
  private func programsOfService(on server: Guest, _ statusMonitor: String) async throws -> [String] {
    let programs = try await server.run(
      """
      for process in $(ip netns pids lockferry-home); do
          echo "$process $(cat /proc/$process/comm) $(sed -n 's/^0:://p' /proc/$process/cgroup)"
      done
      """
    ).split(separator: "\n").map(String.init).sorted()
    for name in ["rpcbind", statusMonitor, "nfsdcld", "rpc.mountd"] {
      guard programs.contains(where: { $0.contains(" \(name) /system.slice/lockferry-home-\(name)-") }) else {
        throw HostTestError(
          "\(server.name): \(name) of the service has no unit of its own: \(programs.joined(separator: "; "))"
        )
      }
    }
    return programs
  }

  /// Takes the service offline, and tells what is left of it.
  private func remainsOfService(on server: Guest) async throws -> [String] {
    try await server.run("lockferry service offline home --wait --timeout 2m", within: .seconds(150))
    note("service offline")
    let (status, left) = try await server.outcome(
      """
      units() { systemctl list-units --all --no-legend --plain --no-pager 'lockferry-home-*'; }
      gone() { [ -z "$(units)" ]; }
      wait_for 30 gone
      units; ls -d /run/netns/lockferry-home /run/lockferry/isolated/home.mounts
      ! systemctl list-units --failed --no-legend --plain --no-pager 'lockferry*' | grep .
      """)
    let lines = left.split(separator: "\n").filter { !$0.contains("No such file") }
    return status == 0 && lines.isEmpty
      ? [] : ["left of the service on \(server.name): \(lines.joined(separator: "; "))"]
  }
}
