import HostTestKit

/// How the site of a scenario is set up.
struct Setting: Sendable {
  /// `fence` of the node files: the lab cuts a server's power; otherwise `none`.
  var isFenced = true
  /// `self_fence` with the kernel's own watchdog of both servers.
  var hasWatchdog = false
  /// Both servers mount the service's disk, all the time, by a cluster file system.
  var sharesDisk = false
  /// systemd is the servers' first program and starts everything there.
  var isUnderSystemd = false
  /// The service speaks NFSv4 besides; it must be isolated.
  var servesVersion4 = false
  /// Who keeps the records.
  var statusMonitor = StatusMonitor.statd
  /// `recovery.notify` of the node files.
  var notify = "built-in"
  /// lockd's grace period. It must be longer than the service is away: TCP waits about as long again before it tries to
  /// send once more what was under way when the server died, and a reclaim behind that comes too late. A slow machine
  /// is to lose no lock by this, so it is far longer than lockd's default of 50 s; the lab ends it when all is reclaimed.
  var graceSeconds = 150

  /// What the node files define, each with a disk of its own.
  var services = [Service.home]

  /// How the node files say that an adoption recovers.
  var recovery = Recovery.restart

  /// A status monitor, as `lab/guest/common.sh` knows it.
  enum StatusMonitor: String, Sendable {
    /// rpc.statd everywhere, alone.
    case statd
    /// rpc.statd everywhere, on servers with `lockferry-callout`.
    case callout
    /// `lockferry statd` everywhere, on servers with `when_not_mirrored: refuse`.
    case lockferry
  }
}

/// One story that ends with the kernels' verdict.
struct Scenario: Sendable {
  /// What `SCENARIO=` says.
  let name: String
  /// One line for the reader.
  let what: String
  /// The subject of the issue that will make it pass; nil for what must pass today.
  var expectedToFail: String?
  /// With what `--recovery` can play it besides its setting's.
  var otherRecoveries: [Setting.Recovery] = []
  /// What is otherwise than usual.
  var setting = Setting()
  /// Its locks must be lost: it shows that the lab would notice.
  var isControl = false
  /// The comparison plays it, too.
  var isCompared = false
  /// Plays it on machines that are still switched off.
  let play: @Sendable (Site) async throws -> Outcome

  /// All of them, in the order of the table.
  static let all = [
    crash, hang, daemonHangs, hangUnfenced, pauseUnfenced, cutOff, serverStops, migrate, daemonDies,
    adopterDies,
    clientReboots, serverRestarts,
    ownClients, restarterDies,
    pinned, gracefulStop, notifyAlone, untold, mirroredUntilTheCut, refusedUntilMirrored, ownStatusMonitor,
    underSystemd, statdUnderSystemd, crashOfGanesha, twoServices, crashByIPv6, version4,
  ]

}

extension Scenario {
  /// 1
  static let crash = Scenario(
    name: "crash", what: "the primary's power is cut", otherRecoveries: Setting.Recovery.inEveryWay,
    isCompared: true
  ) { site in
    let held = try await site.begin()
    try await site.a.powerCut()
    site.note("power of a is cut")
    var outcome = try await site.judgeAdoption(heldBefore: held)
    outcome.problems += try await site.ledger(on: site.b, back: [site.holder], others: [site.asker])
    return outcome
  }

  /// 2a
  static let hang = Scenario(
    name: "hang", what: "the primary hangs; the fence cuts its power; later it is started again",
    otherRecoveries: Setting.Recovery.inEveryWay
  ) { site in
    let held = try await site.begin()
    try await site.a.pause()
    site.note("a hangs")
    let outcome = try await site.judgeAdoption(heldBefore: held)
    guard await !site.a.isOn else { throw HostTestError("a was not fenced") }
    try await site.a.powerOn()
    try await site.takesNothingBack(site.a, from: site.b)
    return outcome
  }

  /// 3
  static let cutOff = Scenario(
    name: "cut-off", what: "the primary's network is cut, and healed later",
    otherRecoveries: Setting.Recovery.inEveryWay
  ) { site in
    let held = try await site.begin()
    try await site.a.setCable(up: false)
    site.note("the network of a is cut")
    let outcome = try await site.judgeAdoption(heldBefore: held)
    try await site.a.setCable(up: true)
    // The fence cut its power; its operator switches it on.
    try await site.a.powerOn()
    try await site.takesNothingBack(site.a, from: site.b)
    return outcome
  }

  /// 4
  static let serverStops = Scenario(
    name: "nfsd-stops", what: "nfsd on the primary stops for good, and the node gives the service up",
    otherRecoveries: Setting.Recovery.inEveryWay
  ) { site in
    let held = try await site.begin()
    try await site.a.run("in_service $lab_bin/rpc.nfsd 0")
    site.note("nfsd on a is stopped")
    return try await site.judgeAdoption(heldBefore: held)
  }

  /// 5
  static let migrate = Scenario(
    name: "migrate", what: "lockferry migrate to b, and back to a",
    otherRecoveries: Setting.Recovery.inEveryWay, isCompared: true
  ) { site in
    let held = try await site.begin()
    for (from, to) in [(site.a, site.b), (site.b, site.a)] {
      try await site.migrate(from: from, to: to)
      if site.isByHand {
        try await site.waitUntilReclaimed(on: to)
      } else {
        try await site.waitUntilGraceIsEnded(on: to)
      }
      try await site.waitForAnswers(2)
      let now = try await site.locksHeld(on: to)
      site.note("\(now) locks on \(to.name)")
      guard now == held else { return try await site.judge(on: to, heldBefore: held) }
      try await site.waitUntilMirrored(to)
    }
    let wait = site.longestWaitForNewLock()
    var outcome = try await site.judge(on: site.a, heldBefore: held)
    outcome.remarks.append(
      "no new lock for \(wait / 1000) s at the longest, of a grace period of \(site.rack.graceSeconds) s")
    if !site.isByHand, wait >= site.rack.graceSeconds * 1000 {
      outcome.problems.append("the grace period ran for its full length, though all locks were back")
    }
    return outcome
  }

  /// 6
  static let daemonDies = Scenario(
    name: "daemon-dies",
    what:
      "lockferry on the primary dies while NFS goes on, and is started again; later the primary's power is cut",
    otherRecoveries: Setting.Recovery.inEveryWay
  ) { site in
    let held = try await site.begin()
    try await site.a.run("kill -9 $(cat /run/lockferry.pid)")
    site.note("lockferry on a is dead")
    // A third client's record appears while nobody watches: the store's machine has no other part in NFSv3.
    try await site.store.run("modprobe nfsv3; start_client_statd; $lab_scripts/mount-service.sh home")
    let late = Locks.Lock(name: "late", file: "late.dat", isExclusive: true, start: 0, length: 0)
    try await site.hold(late, on: site.store)
    try await site.waitForAnswers(3)
    let lateBefore = try await site.locksHeld([late], on: site.a)
    try await site.a.run(". $lab_scripts/start-lockferry.sh")
    try await site.waitUntilOnline(site.a)
    try await site.waitUntilMirrored(site.a, records: 3)
    let epoch = try await site.status(of: site.a).service("home")?.epoch
    site.note("lockferry on a has caught up, epoch \(epoch ?? 0)")
    // Whether it has, the kernels say.
    try await site.a.powerCut()
    site.note("power of a is cut")
    try await site.adopt()
    try? await eventually(within: .seconds(90), "the third client has its lock") {
      try await site.locksHeld([late], on: site.b) == lateBefore
    }
    var outcome = try await site.judge(on: site.b, heldBefore: held)
    outcome.heldBefore += lateBefore
    outcome.heldAfter += try await site.locksHeld([late], on: site.b)
    if epoch != 1 {
      outcome.problems.append("the service changed hands while lockferry was dead: epoch \(epoch ?? 0)")
    }
    return outcome
  }

  /// 7
  static let adopterDies = Scenario(
    name: "adopter-dies", what: "lockferry on the adoptive server is killed in the middle of an adoption",
    otherRecoveries: Setting.Recovery.inEveryWay
  ) { site in
    let held = try await site.begin()
    try await site.a.powerCut()
    site.note("power of a is cut")
    try await site.b.run(
      """
      until curl -s http://127.0.0.1:9943/status | grep -qE '"step" ?: ?"server"'; do sleep 0.1; done
      kill -9 $(cat /run/lockferry.pid)
      """, within: .seconds(90))
    site.note("lockferry on b is killed in step `server`")
    try await site.b.run("sleep 1; . $lab_scripts/start-lockferry.sh")
    return try await site.judgeAdoption(heldBefore: held)
  }

  /// 11
  static let gracefulStop = Scenario(
    name: "graceful-stop",
    what: "rpc.nfsd 0 on the primary, which empties sm/ from Linux 6.4 on, then its power is cut",
    otherRecoveries: Setting.Recovery.inEveryWay, isCompared: true
  ) { site in
    let held = try await site.begin()
    // rpc.statd works through the removals one by one.
    let left = try await site.a.run(
      """
      in_service $lab_bin/rpc.nfsd 0
      wait_for 20 in_service sh -c '[ -z "$(ls /var/lib/nfs/sm)" ]'
      in_service ls /var/lib/nfs/sm | wc -l
      """)
    try await site.a.powerCut()
    let records = left.split(separator: "\n").last.map(String.init) ?? "?"
    site.note("nfsd on a was stopped, \(records) records were left in sm/; then its power was cut")
    var outcome = try await site.judgeAdoption(heldBefore: held)
    outcome.remarks.append("rpc.nfsd 0 left \(records) of 2 records in sm/")
    return outcome
  }
}
