import HostTestKit

/// Scenarios in which clients, or the adoptive server's own doings, make the difference.
extension Scenario {
  /// 8
  static let clientReboots = Scenario(
    name: "client-reboots", what: "a client reboots while the primary is down: its locks must be free again",
    otherRecoveries: Setting.Recovery.inEveryWay
  ) { site in
    _ = try await site.begin()
    let own = Locks.Lock(name: "own", file: "own.dat", isExclusive: true, start: 0, length: 0)
    try await site.hold(own, on: site.asker)
    let held = try await site.locksHeld([own], on: site.a)
    try await site.a.powerCut()
    try await site.holder.powerCut()
    site.note("power of a and of the holder is cut")
    try await site.holder.powerOn()
    // As every client's start scripts do.
    try await site.holder.run("sm-notify")
    site.note("the holder is up again, without locks")
    try await site.waitUntilOnline(site.b)
    try await site.waitUntilReclaimed([own], on: site.b)
    try await site.waitForAnswers(3)
    var outcome = Outcome(heldBefore: held, heldAfter: try await site.locksHeld([own], on: site.b))
    // The asker has each of them for a moment.
    var stale = try await site.locksHeld(on: site.b)
    for _ in 0..<10 where stale > 0 {
      try await Task.sleep(for: .seconds(1))
      stale = min(stale, try await site.locksHeld(on: site.b))
    }
    if stale > 0 { outcome.problems.append("\(stale) locks of a client that has rebooted") }
    for question in site.conflicting where question.grants.isEmpty {
      outcome.problems.append("\(question.lock.name) is still refused though its holder has rebooted")
    }
    outcome.problems += try await site.lossesInKernelLog(of: site.asker)
    outcome.problems += try await site.ledger(on: site.b, back: [site.asker], silent: [site.holder])
    outcome.remarks.append("counts the lock of the client that did not reboot")
    return outcome
  }

  /// 9
  static let ownClients = Scenario(
    name: "own-clients",
    what: "the adoptive server has a client of its own, whose lock must survive the adoption",
    otherRecoveries: Setting.Recovery.inEveryWay, isCompared: true
  ) { site in
    let held = try await site.begin()
    let own = try await OwnClient.begin(on: site)
    try await site.a.powerCut()
    site.note("power of a is cut; b has \(own.heldBefore) lock of a client of its own")
    try await site.adopt()
    await own.waitForReclaim()
    var outcome = try await site.judge(on: site.b, heldBefore: held)
    try await own.judge(&outcome)
    return outcome
  }

  /// 7 and 9: between the restart of b's NFS server, with which its own clients' locks go, and the moment in which they are
  /// told, the daemon dies.
  static let restarterDies = Scenario(
    name: "restarter-dies",
    what: "lockferry on the adoptive server is killed as soon as the grace period of its NFS server runs",
    otherRecoveries: [.lockManager], setting: Setting(recovery: .nfs)
  ) { site in
    let held = try await site.begin()
    let own = try await OwnClient.begin(on: site)
    try await site.a.powerCut()
    site.note("power of a is cut; b has \(own.heldBefore) lock of a client of its own")
    // At last with the shell's own words alone: a process takes longer than what is to be met.
    let note = try await site.b.run(
      """
      daemon=$(cat /run/lockferry.pid) grace=
      until curl -s http://127.0.0.1:9943/status | grep -qE '"step" ?: ?"server"'; do sleep 0.1; done
      until [ "$grace" = N ]; do read -r grace < /proc/fs/lockd/nlm_end_grace; done 2> /dev/null
      kill -9 $daemon
      cat /run/lockferry/restarting || true
      """, within: .seconds(240))
    site.note("the grace period of b runs; its lockferry is killed")
    try await site.b.run("sleep 1; . $lab_scripts/start-lockferry.sh")
    try await site.adopt()
    await own.waitForReclaim()
    var outcome = try await site.judge(on: site.b, heldBefore: held)
    try await own.judge(&outcome)
    if note.isEmpty { outcome.problems.append("it was killed when b's own clients had been told already") }
    return outcome
  }

  /// 10
  static let pinned = Scenario(
    name: "pinned-lockd",
    what: "an NFSv3 mount on the adoptive server keeps its lockd up, so that no grace period begins",
    otherRecoveries: Setting.Recovery.inEveryWay, isCompared: true
  ) { site in
    let held = try await site.begin()
    try await site.b.run(
      "modprobe nfsv3; mkdir -p /mnt/other; mount -t nfs -o vers=3 $lab_store:/disk/store /mnt/other")
    site.note("b has an NFSv3 mount")
    try await site.a.powerCut()
    site.note("power of a is cut")
    if site.isByHand { return try await site.judgeAdoption(heldBefore: held) }
    let refused = try await site.judgeRefusal(by: site.b, heldBefore: held, saying: "no grace period")
    guard refused.isRefusal else { return refused }
    try await site.b.run("umount /mnt/other")
    site.note("b has refused, and has its NFSv3 mount no more")
    var outcome = try await site.judgeAdoption(heldBefore: held)
    outcome.problems += refused.unexplained
    outcome.remarks.append("refused while the mount was there, then adopted")
    return outcome
  }

  /// Shows that the lab would see lost locks.
  static let untold = Scenario(
    name: "untold",
    what: "control: the primary's power is cut and nobody tells the clients, who must lose all",
    setting: Setting(notify: "{command: [/bin/true]}", graceSeconds: 60), isControl: true
  ) { site in
    let held = try await site.begin()
    try await site.a.powerCut()
    site.note("power of a is cut")
    var outcome = try await site.judgeAdoption(heldBefore: held)
    outcome.problems += try await site.ledger(
      on: site.b, back: [], silent: [site.holder], others: [site.asker])
    return outcome
  }
}
