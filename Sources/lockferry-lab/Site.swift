import Foundation
import HostTestKit

/// The lab's machines: two NFS servers with lockferry, a third machine with their store, one client that holds locks
/// and one that asks for conflicting ones all the time.
struct Site: Sendable {
  let rack: Rack
  let store: Guest
  let a: Guest
  let b: Guest
  let asker: Guest
  /// Which service everything is about.
  private(set) var service: Service
  /// Who holds its locks.
  private(set) var holder: Guest
  /// All of them.
  let guests: [Guest]
  /// Without lockferry: the comparison.
  let isByHand: Bool
  private let start = ContinuousClock.now

  init(in rack: Rack, byHand: Bool) async throws {
    self.rack = rack
    isByHand = byHand
    store = try await rack.add("store", .store, number: 1)
    a = try await rack.add("a", .server, number: 11)
    b = try await rack.add("b", .server, number: 12)
    holder = try await rack.add("holder", .client, number: 21)
    asker = try await rack.add("asker", .client, number: 22)
    guests = [store, a, b, holder, asker]
    service = rack.services[0]
  }

  /// The same machines, as another service and the holder of its locks see them.
  func of(_ service: Service, heldBy holder: Guest) -> Site {
    var site = self
    (site.service, site.holder) = (service, holder)
    return site
  }

  /// Tells the reader what happens, with the seconds since the lab began.
  func note(_ text: String) {
    let seconds = (ContinuousClock.now - start).components.seconds
    say("  \(String(repeating: " ", count: max(0, 4 - "\(seconds)".count)))\(seconds) s  \(text)")
  }

  // From power-on to held locks

  /// Switches everything on; ends when every lock is held, mirrored, and has been refused to the asker twice. Returns how many
  /// locks the primary's kernel shows.
  func begin() async throws -> Int {
    try await powerOn()
    if isByHand {
      try await a.run("$lab_scripts/by-hand.sh open")
    } else {
      try await waitUntilOnline(a)
      try await waitUntil(b, answers: "/candidate?service=\(service.name)", "b could adopt \(service.name)")
    }
    // Both servers' NFS server began with a grace period, as it does on every boot.
    for server in [a, b] { try await endGrace(on: server) }
    note("service online on a")
    return try await takeLocksAndAsk()
  }

  /// Ends when every lock of the service, which is online, is held, mirrored, and has been refused to the asker twice. Returns
  /// how many the primary's kernel shows.
  func takeLocksAndAsk() async throws -> Int {
    try await takeLocks()
    try await beginAsking()
    try await waitUntilMirrored(a)
    note("records of both clients mirrored")
    return try await locksHeld(on: a)
  }

  /// Switches every machine on, all at once.
  func powerOn() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for guest in guests { group.addTask { try await guest.powerOn() } }
      for try await _ in group {}
    }
    note("\(guests.count) machines are up, kernel \(rack.kernel.release)")
  }

  /// The holder takes its locks.
  func takeLocks() async throws {
    try await mount(on: holder)
    let held = Locks.held.map { $0.argument(below: service.mount) }.joined(separator: " ")
    let log = "/lab/\(holder.name)/hold"
    try await holder.run("$lab_programs/lab-locks hold \(log).log \(held) > \(log).err 2>&1 &")
    try await eventually(within: .seconds(90), "the holder has its locks") {
      holder.text("hold.log").contains("all held")
    }
    note("\(Locks.held.count) locks held")
  }

  /// A client mounts the service.
  func mount(on client: Guest) async throws {
    try await client.run("$lab_scripts/mount-service.sh \(service.name)", within: .seconds(90))
  }

  /// The asker begins to ask for conflicting locks, and for some that it may have.
  func beginAsking() async throws {
    try await mount(on: asker)
    try await ask((conflicting + free).map(\.lock), on: asker)
    try await waitForAnswers(2)
  }

  /// Another client takes a lock and keeps it.
  func hold(_ lock: Locks.Lock, on client: Guest, below folder: String? = nil) async throws {
    let log = "/lab/\(client.name)/hold-\(lock.name)"
    try await client.run(
      "$lab_programs/lab-locks hold \(log).log \(lock.argument(below: folder ?? service.mount)) > \(log).err 2>&1 &"
    )
    try await eventually(within: .seconds(90), "\(client.name) has its lock \(lock.name)") {
      client.text("hold-\(lock.name).log").contains("all held")
    }
  }

  // Waiting

  /// Waits until lockferry on `guest` says that it owns the service and that it is online.
  func waitUntilOnline(_ guest: Guest, within limit: Duration = .seconds(240)) async throws {
    try await waitUntil(
      guest, answers: "/primary?service=\(service.name)", "\(service.name) is online on \(guest.name)",
      within: limit)
  }

  /// Waits until the health endpoint of `guest` answers a path with 200.
  func waitUntil(_ guest: Guest, answers path: String, _ what: String, within limit: Duration = .seconds(240))
    async throws
  {
    let tries = Int(limit.components.seconds) * 2
    let (status, output) = try await guest.outcome(
      """
      for i in $(seq \(tries)); do
          answer=$(curl -s -m 5 -w ' %{http_code}' 'http://127.0.0.1:9943\(path)')
          case $answer in *' 200') exit 0;; esac
          sleep 0.5
      done
      echo "$answer"; exit 1
      """, within: limit * 2)
    guard status == 0 else {
      throw HostTestError(
        "not within \(limit): \(what): \(output)\n\(guest.text("lockferry.log").suffix(6000))")
    }
  }

  /// What lockferry on `guest` says of itself.
  func status(of guest: Guest) async throws -> StatusAnswer {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(
      StatusAnswer.self, from: Data(try await guest.run("curl -s -m 5 http://127.0.0.1:9943/status").utf8))
  }

  /// Waits until the store holds what `guest`'s status directory does, a record for each client.
  func waitUntilMirrored(_ guest: Guest, records: Int = 2) async throws {
    if isByHand {
      // Twice the interval of the copies.
      try await Task.sleep(for: .seconds(10))
      return
    }
    try await eventually(within: .seconds(90), "records of \(guest.name) are in the store") {
      let mirror = try await status(of: guest).service(service.name)?.mirror
      return mirror.map { $0.recordsSeen >= records && $0.recordsMirrored == $0.recordsSeen } ?? false
    }
  }

  /// Waits until `guest`'s kernel shows all of `locks`, or until its grace period is over because nobody can
  /// reclaim any more; then ends that period, so that new locks are granted. It is long, for slow machines.
  func waitUntilReclaimed(
    _ locks: [Locks.Lock] = Locks.held, on guest: Guest
  ) async throws {
    try await waitForReclaims(locks, on: guest)
    try await endGrace(on: guest)
  }

  /// The same without an end of the grace period.
  func waitForReclaims(_ locks: [Locks.Lock] = Locks.held, on guest: Guest) async throws {
    try await eventually(
      within: .seconds(2 * rack.graceSeconds + 60), "locks are reclaimed, or the grace period is over"
    ) {
      let text = try await guest.run(lookAtLocks())
      return Locks.graceIsOver(in: text)
        || Locks.count(locks, of: rack.recovery.lockKind, in: text) == locks.count
    }
  }

  /// Waits until `guest`'s lock manager is out of its grace period; the lab does not end it.
  func waitUntilGraceIsEnded(on guest: Guest) async throws {
    try await eventually(
      within: .seconds(2 * rack.graceSeconds + 60), "the grace period on \(guest.name) is over"
    ) {
      Locks.graceIsOver(in: try await guest.run(lookAtLocks()))
    }
    // nfsd's own goes on for NFSv4's clients, of whom there are none.
    try await guest.run("echo Y > /proc/fs/nfsd/v4_end_grace || true")
    note("the grace period on \(guest.name) is over")
  }

  /// Ends the grace period of `guest` where nobody has a lock to reclaim, or everybody has reclaimed; or waits for its end,
  /// where nobody else can end it.
  func endGrace(on guest: Guest) async throws {
    try await guest.run("end_grace", within: .seconds(2 * rack.graceSeconds + 60))
  }

  /// Waits until lockferry on `guest` could adopt, and throws if the service does not stay on `owner`.
  func takesNothingBack(_ guest: Guest, from owner: Guest) async throws {
    try await waitUntil(
      guest, answers: "/candidate?service=\(service.name)", "\(guest.name) could adopt \(service.name)")
    let status = try await status(of: owner).service(service.name)
    guard status?.owner == owner.name, status?.state == "online" else {
      throw HostTestError("\(owner.name) no longer owns the service: \(status.map { "\($0)" } ?? "unknown")")
    }
    let holds = try await guest.run(
      """
      $lab_shares_disk || ! mountpoint -q \(service.folder) || echo its disk
      ! ip -o address show | grep -qwF "\(service.address)" || echo its address
      [ ! -e /run/netns/lockferry-\(service.name) ] || echo its namespace
      """)
    guard holds.isEmpty else { throw HostTestError("\(guest.name) has taken again: \(holds)") }
    note("\(guest.name) is back and takes nothing")
  }

  // The fence

  /// Cuts the power that `fence.sh` in a guest asks to cut, until the task is cancelled.
  func serveFence() async throws {
    let folder = rack.share + "/fence"
    while true {
      let requests = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
        $0.hasSuffix(".request")
      }
      for request in requests {
        let path = folder + "/" + request
        let words = try String(contentsOfFile: path, encoding: .utf8).split(whereSeparator: \.isWhitespace)
        guard words.count == 2 else { throw HostTestError("a request for a fence: \(words)") }
        let (name, service) = (String(words[0]), words[1])
        guard let guest = guests.first(where: { $0.name == name }) else {
          throw HostTestError("fence \(name)?")
        }
        let wasOn = await guest.isOn
        let other = name == a.name ? b : a
        if try await other.outcome("mountpoint -q /srv/\(service)").status == 0 {
          throw HostTestError("\(other.name) has the disk of \(service) mounted before \(name) is fenced")
        }
        try await guest.powerCut()
        note("fence: \(name) is off\(wasOn ? "" : ", as it was before")")
        try FileManager.default.moveItem(
          atPath: path, toPath: folder + "/" + request.replacingOccurrences(of: ".request", with: ".done"))
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }
}
