import Foundation
import HostTestKit

/// The lab's machines: two NFS servers with lockferry, a third machine with their store, one client that holds locks
/// and one that asks for conflicting ones all the time.
struct Site: Sendable {
  let rack: Rack
  let store: Guest
  let a: Guest
  let b: Guest
  let holder: Guest
  let asker: Guest
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
  }

  var guests: [Guest] { [store, a, b, holder, asker] }

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
      try await waitUntil(b, answers: "/candidate?service=home", "b could adopt the service")
    }
    note("service online on a")
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
    note("five machines are up, kernel \(rack.kernel.release)")
  }

  /// The holder takes its locks.
  func takeLocks() async throws {
    try await holder.run("$lab_scripts/mount-home.sh", within: .seconds(90))
    let held = Locks.held.map { $0.argument() }.joined(separator: " ")
    try await holder.run(
      "$lab_programs/lab-locks hold /lab/holder/hold.log \(held) > /lab/holder/hold.err 2>&1 &")
    try await eventually(within: .seconds(90), "the holder has its locks") {
      holder.text("hold.log").contains("all held")
    }
    note("\(Locks.held.count) locks held")
  }

  /// The asker begins to ask for conflicting locks, and for some that it may have.
  func beginAsking() async throws {
    try await asker.run("$lab_scripts/mount-home.sh", within: .seconds(90))
    try await asker.run(
      (Locks.conflicting + Locks.free).map {
        "$lab_programs/lab-locks ask /lab/asker/ask-\($0.name).log \($0.argument()) > /lab/asker/ask-\($0.name).err 2>&1 &"
      }.joined(separator: "\n"))
    try await waitForAnswers(2)
  }

  /// Another client takes a lock and keeps it.
  func hold(_ lock: Locks.Lock, on client: Guest, below folder: String = "/mnt/home") async throws {
    let log = "/lab/\(client.name)/hold-\(lock.name)"
    try await client.run(
      "$lab_programs/lab-locks hold \(log).log \(lock.argument(below: folder)) > \(log).err 2>&1 &")
    try await eventually(within: .seconds(90), "\(client.name) has its lock \(lock.name)") {
      client.text("hold-\(lock.name).log").contains("all held")
    }
  }

  // Waiting

  /// Waits until lockferry on `guest` says that it owns the service and that it is online.
  func waitUntilOnline(_ guest: Guest, within limit: Duration = .seconds(120)) async throws {
    try await waitUntil(
      guest, answers: "/primary?service=home", "the service is online on \(guest.name)", within: limit)
  }

  /// Waits until the health endpoint of `guest` answers a path with 200.
  func waitUntil(_ guest: Guest, answers path: String, _ what: String, within limit: Duration = .seconds(120))
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
  func waitUntilMirrored(_ guest: Guest) async throws {
    if isByHand {
      // Twice the interval of the copies.
      try await Task.sleep(for: .seconds(10))
      return
    }
    try await eventually(within: .seconds(90), "records of \(guest.name) are in the store") {
      let mirror = try await status(of: guest).service("home")?.mirror
      return mirror.map { $0.recordsSeen >= 2 && $0.recordsMirrored == $0.recordsSeen } ?? false
    }
  }

  /// Waits until lockd on `guest` grants new locks again.
  func waitUntilGraceEnds(on guest: Guest) async throws {
    try await guest.run(
      "wait_for \(Rack.graceSeconds + 40) sh -c '[ \"$(tr -d \"\\\\0\\\\n\" < /proc/fs/lockd/nlm_end_grace)\" = Y ]'",
      within: .seconds(Rack.graceSeconds + 90))
  }

  /// Waits until every question of the asker was answered `count` times more.
  func waitForAnswers(_ count: Int, within limit: Duration = .seconds(120)) async throws {
    let logs = (Locks.conflicting + Locks.free).map { "ask-\($0.name).log" }
    let before = logs.map { Self.answers(asker.text($0)) }
    try await eventually(within: limit, "the asker gets answers") {
      zip(logs, before).allSatisfy { Self.answers(asker.text($0)) >= $1 + count }
    }
  }

  private static func answers(_ log: String) -> Int {
    log.split(separator: "\n").count { $0.hasSuffix(" refused") || $0.hasSuffix(" granted") }
  }

  /// Waits until lockferry on `guest` could adopt, and throws if the service does not stay on `owner`.
  func takesNothingBack(_ guest: Guest, from owner: Guest) async throws {
    try await waitUntil(guest, answers: "/candidate?service=home", "\(guest.name) could adopt the service")
    let status = try await status(of: owner).service("home")
    guard status?.owner == owner.name, status?.state == "online" else {
      throw HostTestError("\(owner.name) no longer owns the service: \(status.map { "\($0)" } ?? "unknown")")
    }
    guard try await guest.outcome("mountpoint -q /srv/home").status != 0 else {
      throw HostTestError("\(guest.name) mounted the disk again")
    }
    note("\(guest.name) is back and takes nothing")
  }

  // Looking

  /// How many of some locks, by default the holder's, `server`'s kernel shows.
  func locksHeld(
    _ locks: [Locks.Lock] = Locks.held, on server: Guest, below folder: String = "/srv/home"
  ) async throws -> Int {
    let text = try await server.run("stat -c 'inode %i %n' \(folder)/*.dat; cat /proc/locks")
    return Locks.count(locks, in: text)
  }

  /// The locks that the asker got though it must not, as the asker's kernel told it.
  var wronglyGranted: [String] {
    Locks.conflicting.flatMap { lock in
      asker.text("ask-\(lock.name).log").split(separator: "\n").filter { $0.hasSuffix(" granted") }.map(
        String.init)
    }
  }

  /// The longest time that passed between two writes of the holder, each with fsync, in milliseconds.
  var longestPause: Int {
    let times = holder.text("hold.log").split(separator: "\n").filter { $0.contains(" data wrote ") }
      .compactMap { $0.split(separator: " ").first.flatMap { Int($0) } }
    return zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? 0
  }

  /// An operator moves the healthy service.
  func migrate(from: Guest, to: Guest) async throws {
    if isByHand {
      try await from.run("$lab_scripts/by-hand.sh leave")
      try await to.run("$lab_scripts/by-hand.sh take")
    } else {
      try await from.run(
        "$lab_programs/lockferry migrate home --to \(to.name) --wait --timeout 3m", within: .seconds(240))
      try await waitUntilOnline(to)
    }
    note("service online on \(to.name)")
  }

  /// Waits until b has adopted the service, then judges.
  func judgeAdoption(heldBefore: Int) async throws -> Outcome {
    if isByHand {
      try await b.run("$lab_scripts/by-hand.sh take")
    } else {
      try await waitUntilOnline(b)
    }
    note("service online on b")
    return try await judge(on: b, heldBefore: heldBefore)
  }

  /// What the kernels say after the story: everything that a scenario without loss must show.
  func judge(on server: Guest, heldBefore: Int) async throws -> Outcome {
    try await waitUntilGraceEnds(on: server)
    note("grace period on \(server.name) is over")
    let freeBefore = grants(Locks.free)
    try await waitForAnswers(3)
    var outcome = Outcome(heldBefore: heldBefore, heldAfter: try await locksHeld(on: server))
    outcome.wronglyGranted = wronglyGranted.count
    outcome.pause = longestPause
    if heldBefore != Locks.held.count {
      outcome.problems.append("only \(heldBefore) locks were held at first")
    }
    for line in wronglyGranted.prefix(3) { outcome.problems.append("asker: \(line)") }
    if zip(freeBefore, grants(Locks.free)).contains(where: { $1 <= $0 }) {
      outcome.problems.append("a lock that conflicts with nothing was not granted afterwards")
    }
    outcome.problems += try await lossesInKernelLog(of: holder)
    let written =
      holder.text("hold.log").split(separator: "\n").last { $0.contains(" data wrote ") }
      .flatMap { $0.split(separator: " ").last.flatMap { Int($0) } } ?? 0
    let stored =
      Int(
        try await server.run("head -n 1 /srv/home/whole.dat").trimmingCharacters(in: .whitespacesAndNewlines))
      ?? -1
    if stored < written {
      outcome.problems.append("the file says \(stored), the holder had written \(written)")
    }
    return outcome
  }

  /// What a client's kernel says of locks that it could not reclaim.
  func lossesInKernelLog(of client: Guest) async throws -> [String] {
    try await client.run("dmesg | grep -E 'failed to reclaim|spurious grace' || true").split(separator: "\n")
      .map {
        "\(client.name)'s kernel: \($0)"
      }
  }

  private func grants(_ locks: [Locks.Lock]) -> [Int] {
    locks.map { lock in
      asker.text("ask-\(lock.name).log").split(separator: "\n").count { $0.hasSuffix(" granted") }
    }
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
        let name = try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(
          in: .whitespacesAndNewlines)
        guard let guest = guests.first(where: { $0.name == name }) else {
          throw HostTestError("fence \(name)?")
        }
        let wasOn = await guest.isOn
        let other = name == a.name ? b : a
        if try await other.outcome("mountpoint -q /srv/home").status == 0 {
          throw HostTestError("\(other.name) has the disk mounted before \(name) is fenced")
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
