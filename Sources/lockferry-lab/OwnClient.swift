import HostTestKit

/// A client of b's own NFS server: an export that belongs to no service, and a lock in it.
struct OwnClient: Sendable {
  /// How many of its locks b's kernel showed at first.
  let heldBefore: Int
  private let site: Site
  private let lock: Locks.Lock
  /// The holder, which asks for that lock all the time.
  private let rival: Question
  /// The asker, which has the lock, takes a new one twice a second and gives it back.
  private let asked: Question

  private static let folder = "/disk/own"
  private static let mount = "/mnt/own"

  /// Milliseconds. A client that asks in a grace period comes again after five seconds, for as long as that lasts, which
  /// is 150 s here; an emulated machine that is busy with an adoption makes others wait as well.
  private static let noticed = 20_000

  /// Exports, takes the lock and begins to ask.
  static func begin(on site: Site) async throws -> OwnClient {
    try await site.b.run(
      "mkdir -p \(folder); $lab_bin/exportfs -o rw,sync,no_root_squash,no_subtree_check,fsid=78 '*:\(folder)'"
    )
    for client in [site.asker, site.holder] {
      try await client.run(
        "mkdir -p \(mount); mount -t nfs -o vers=3,hard,timeo=10 b.lab.test:\(folder) \(mount)")
    }
    let own = Locks.Lock(name: "own", file: "own.dat", isExclusive: true, start: 0, length: 0)
    try await site.hold(own, on: site.asker, below: mount)
    let held = try await site.locksHeld([own], on: site.b, below: folder)
    try await site.ask([own], on: site.holder, below: mount)
    let new = Locks.Lock(name: "own-new", file: "own-new.dat", isExclusive: true, start: 0, length: 0)
    try await site.ask([new], on: site.asker, below: mount)
    let client = OwnClient(
      heldBefore: held, site: site, lock: own, rival: Question(lock: own, client: site.holder),
      asked: Question(lock: new, client: site.asker))
    try await site.waitForAnswers(2, to: [client.rival, client.asked])
    return client
  }

  private init(heldBefore: Int, site: Site, lock: Locks.Lock, rival: Question, asked: Question) {
    (self.heldBefore, self.site, self.lock, self.rival, self.asked) = (heldBefore, site, lock, rival, asked)
  }

  /// Gives it its chance to reclaim, before the lab ends the grace period.
  func waitForReclaim() async {
    try? await eventually(within: .seconds(60), "b's own client has its lock") {
      try await site.locksHeld([lock], on: site.b, below: Self.folder) == heldBefore
    }
  }

  /// Adds what it has seen to the verdict on `outcome`'s services.
  func judge(_ outcome: inout Outcome) async throws {
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
      "of the services' locks \(outcome.heldAfter) of \(outcome.heldBefore) were reclaimed; counted with b's own"
    )
    outcome.heldBefore += heldBefore
    outcome.heldAfter += try await site.locksHeld([lock], on: site.b, below: Self.folder)
  }
}
