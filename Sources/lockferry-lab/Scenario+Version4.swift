import HostTestKit

/// NFSv4 of an isolated service.
extension Scenario {
  /// B8: what nfsdcld writes down of NFSv4's clients is on the service's disk, so that the next owner's nfsd knows who may
  /// reclaim. Clients of both versions hold locks, and clients of both ask for them.
  static let version4 = Scenario(
    name: "nfs4-crash",
    what: "the primary's power is cut; an NFSv4.2 client holds a lock beside the NFSv3 client's",
    setting: Setting(servesVersion4: true, recovery: .isolated)
  ) { site in
    let held = try await site.begin()
    let four = Locks.Lock(name: "four", file: "four.dat", isExclusive: true, start: 0, length: 0)
    for client in [site.holder, site.asker] {
      try await client.run(
        """
        mkdir -p /mnt/four
        mount -t nfs4 -o vers=4.2,hard,timeo=20,retrans=2 "$lab_service_name:/" /mnt/four
        """, within: .seconds(240))
    }
    try await site.hold(four, on: site.holder, below: "/mnt/four")
    let overThree = Locks.Lock(name: "four-by-v3", file: four.file, isExclusive: true, start: 7, length: 1)
    let overFour = Locks.Lock(name: "four-by-v4", file: four.file, isExclusive: true, start: 0, length: 0)
    let free = Locks.Lock(name: "five-by-v4", file: "five.dat", isExclusive: true, start: 0, length: 0)
    try await site.ask([overThree], on: site.asker)
    try await site.ask([overFour, free], on: site.asker, below: "/mnt/four")
    let rivals = [overThree, overFour].map { Question(lock: $0, client: site.asker) }
    let asked = Question(lock: free, client: site.asker)
    try await site.waitForAnswers(2, to: rivals + [asked])
    let fourBefore = try await site.locksHeld([four], on: site.a)
    site.note("\(fourBefore) lock of an NFSv4.2 client; nobody else gets it")
    try await site.a.powerCut()
    site.note("power of a is cut")
    try await site.adopt()
    // Before the lab ends the grace periods everybody has a chance, and nfsd's must end by itself.
    try await eventually(
      within: .seconds(2 * site.rack.graceSeconds), "the NFSv4.2 client has its lock back, or it is too late"
    ) {
      let isOver = try await site.b.run("in_service cat /proc/fs/nfsd/v4_end_grace").hasPrefix("Y")
      return try await site.locksHeld([four], on: site.b) == 1 || isOver
    }
    let known = try await site.clientRecords(on: site.b)
    let fourAfter = try await site.locksHeld([four], on: site.b)
    site.note("\(fourAfter) lock of the NFSv4.2 client reclaimed")
    let grants = asked.grants.count
    var outcome = try await site.judge(on: site.b, heldBefore: held)
    try await site.waitForAnswers(3, to: rivals + [asked])
    outcome.heldBefore += fourBefore
    outcome.heldAfter += try await site.locksHeld([four], on: site.b)
    outcome.wronglyGranted += rivals.reduce(0) { $0 + $1.grants.count }
    for rival in rivals where !rival.grants.isEmpty {
      outcome.problems.append("\(rival.lock.name): \(rival.grants[0])")
    }
    if asked.grants.count <= grants {
      outcome.problems.append("a lock of NFSv4 that conflicts with nothing was not granted afterwards")
    }
    if known.isEmpty { outcome.problems.append("nfsdcld knows no client on the service's disk") }
    outcome.remarks.append(
      "one lock is an NFSv4.2 client's; on the disk nfsdcld of b has: \(known.joined(separator: ", "))")
    return outcome
  }
}

extension Site {
  /// The NFSv4 clients in nfsdcld's database on the service's disk, by the names that they give themselves.
  fileprivate func clientRecords(on server: Guest) async throws -> [String] {
    try await server.run(
      "grep -haoE 'Linux NFSv4[.][0-9] [a-z.]+' /srv/home/.nfs4/main.sqlite* | sort -u || true"
    ).split(separator: "\n").map(String.init)
  }
}
