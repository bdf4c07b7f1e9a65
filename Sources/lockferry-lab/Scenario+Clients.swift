import HostTestKit

/// Scenarios in which clients, or the adoptive server's own doings, make the difference.
extension Scenario {
  /// 8
  static let clientReboots = Scenario(
    name: "client-reboots", what: "a client reboots while the primary is down: its locks must be free again",
    recoversInEveryWay: true
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
    let stale = try await site.locksHeld(on: site.b)
    if stale > 0 { outcome.problems.append("\(stale) locks of a client that has rebooted") }
    for question in site.conflicting where question.grants.isEmpty {
      outcome.problems.append("\(question.lock.name) is still refused though its holder has rebooted")
    }
    outcome.problems += try await site.lossesInKernelLog(of: site.asker)
    outcome.remarks.append("counts the lock of the client that did not reboot")
    return outcome
  }

  /// 9
  static let ownClients = Scenario(
    name: "own-clients",
    what: "the adoptive server has a client of its own, whose lock must survive the adoption",
    recoversInEveryWay: true, isCompared: true
  ) { site in
    let held = try await site.begin()
    try await site.b.run(
      "mkdir -p /disk/own; $lab_bin/exportfs -o rw,sync,no_root_squash,no_subtree_check,fsid=78 '*:/disk/own'"
    )
    try await site.asker.run(
      "mkdir -p /mnt/own; mount -t nfs -o vers=3,hard,timeo=10 b.lab.test:/disk/own /mnt/own")
    let own = Locks.Lock(name: "own", file: "own.dat", isExclusive: true, start: 0, length: 0)
    try await site.hold(own, on: site.asker, below: "/mnt/own")
    let ownBefore = try await site.locksHeld([own], on: site.b, below: "/disk/own")
    // Somebody else asks for it, from now on to the end.
    try await site.holder.run(
      "mkdir -p /mnt/own; mount -t nfs -o vers=3,hard,timeo=10 b.lab.test:/disk/own /mnt/own")
    try await site.ask([own], on: site.holder, below: "/mnt/own")
    let rival = Question(lock: own, client: site.holder)
    // Besides, that client takes a new lock of b's own twice a second and gives it back.
    let new = Locks.Lock(name: "own-new", file: "own-new.dat", isExclusive: true, start: 0, length: 0)
    try await site.ask([new], on: site.asker, below: "/mnt/own")
    let asked = Question(lock: new, client: site.asker)
    try await site.waitForAnswers(2, to: [rival, asked])
    try await site.a.powerCut()
    site.note("power of a is cut; b has \(ownBefore) lock of a client of its own")
    try await site.adopt()
    // Before the lab ends the grace period b's own client has its chance, too.
    try? await eventually(within: .seconds(60), "b's own client has its lock") {
      try await site.locksHeld([own], on: site.b, below: "/disk/own") == 1
    }
    var outcome = try await site.judge(on: site.b, heldBefore: held)
    try await site.waitForAnswers(3, to: [rival, asked])
    let wait = asked.longestWait
    outcome.remarks.append(
      "a new lock of b's own client waited \(wait / 1000).\(wait % 1000 / 100) s at most")
    if site.rack.recovery == .isolated, wait > Self.noticed {
      outcome.problems.append("b's own client has noticed the adoption of an isolated service")
    }
    outcome.wronglyGranted += rival.grants.count
    outcome.problems += rival.grants.prefix(1).map { "b's own export, holder: \($0)" }
    outcome.remarks.append(
      "of the service's locks \(outcome.heldAfter) of \(held) were reclaimed; counted with b's own")
    outcome.heldBefore += ownBefore
    outcome.heldAfter += try await site.locksHeld([own], on: site.b, below: "/disk/own")
    return outcome
  }

  /// Milliseconds. A client that asks in a grace period comes again after five seconds, for as long as that lasts, which
  /// is 150 s here; an emulated machine that is busy with an adoption makes others wait as well.
  private static let noticed = 20_000

  /// 10
  static let pinned = Scenario(
    name: "pinned-lockd",
    what: "an NFSv3 mount on the adoptive server keeps its lockd up, so that no grace period begins",
    expectedToFail: "adoption in a network namespace of the service's own", recoversInEveryWay: true,
    isCompared: true
  ) { site in
    let held = try await site.begin()
    try await site.b.run(
      "modprobe nfsv3; mkdir -p /mnt/other; mount -t nfs -o vers=3 $lab_store:/disk/store /mnt/other")
    site.note("b has an NFSv3 mount")
    try await site.a.powerCut()
    site.note("power of a is cut")
    if site.isByHand { return try await site.judgeAdoption(heldBefore: held) }
    return try await site.judgeRefusal(by: site.b, heldBefore: held, saying: "no grace period")
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
    return try await site.judgeAdoption(heldBefore: held)
  }
}
