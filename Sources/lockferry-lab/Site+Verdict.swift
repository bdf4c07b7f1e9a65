import Foundation
import HostTestKit

/// What the kernels show, and what follows from it.
extension Site {
  /// How many of some locks, by default the holder's, `server`'s kernel shows.
  func locksHeld(
    _ locks: [Locks.Lock] = Locks.held, on server: Guest, below folder: String? = nil
  ) async throws -> Int {
    Locks.count(
      locks, of: rack.recovery.lockKind, in: try await server.run(lookAtLocks(below: folder)))
  }

  /// What ``Locks`` reads.
  func lookAtLocks(below folder: String? = nil) -> String {
    """
    service=\(service.name)
    stat -c 'inode %Hd:%Ld:%i %n' \(folder ?? service.folder)/*.dat
    printf 'grace-is-over %s\\n' "$(grace_is_over)"
    cat /proc/locks
    """
  }

  /// The locks that the asker got though it must not, as the asker's kernel told it.
  var wronglyGranted: [String] { conflicting.flatMap(\.grants) }

  /// What the holder wrote, with fsync: `MILLISECONDS data wrote NUMBER`.
  private var writes: [Substring] {
    holder.text("hold.log").split(separator: "\n").filter { $0.contains(" data wrote ") }
  }

  /// The longest time in which the holder wrote nothing, each write with fsync, up to now; in milliseconds.
  func longestPause() async throws -> Int {
    let now = try await holder.run("date +%s%3N").trimmingCharacters(in: .whitespacesAndNewlines)
    let times =
      writes.compactMap { $0.split(separator: " ").first.flatMap { Int($0) } } + [Int(now)].compactMap(\.self)
    return zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? 0
  }

  /// The longest time in which the asker got none of the locks that conflict with nothing, up to the last that it got; in
  /// milliseconds.
  func longestWaitForNewLock() -> Int {
    let times = free.flatMap(\.grants).compactMap { $0.split(separator: " ").first.flatMap { Int($0) } }
      .sorted()
    return zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? 0
  }

  /// An operator moves the healthy service.
  func migrate(from: Guest, to: Guest) async throws {
    if isByHand {
      try await from.run("$lab_scripts/by-hand.sh leave")
      try await to.run("$lab_scripts/by-hand.sh take")
    } else {
      try await from.run(
        "$lab_programs/lockferry migrate \(service.name) --to \(to.name) --wait --timeout 3m",
        within: .seconds(240))
      try await waitUntilOnline(to)
    }
    note("\(service.name) online on \(to.name)")
  }

  /// Waits until b has adopted the service; in the comparison the lab does it.
  func adopt() async throws {
    if isByHand {
      try await b.run("$lab_scripts/by-hand.sh take")
    } else {
      try await waitUntilOnline(b)
    }
    note("\(service.name) online on b")
  }

  /// Waits until b has adopted the service, then judges.
  func judgeAdoption(heldBefore: Int) async throws -> Outcome {
    try await adopt()
    return try await judge(on: b, heldBefore: heldBefore)
  }

  /// What the kernels say after the story: everything that a scenario without loss must show.
  func judge(on server: Guest, heldBefore: Int) async throws -> Outcome {
    try await waitUntilReclaimed(on: server)
    note("grace period on \(server.name) is over")
    let (freeBefore, written) = (free.map(\.grants.count), writes.count)
    try await waitForAnswers(3)
    try await eventually(within: .seconds(240), "the holder writes again") { writes.count >= written + 2 }
    var outcome = Outcome(heldBefore: heldBefore, heldAfter: try await locksHeld(on: server))
    outcome.wronglyGranted = wronglyGranted.count
    outcome.pause = try await longestPause()
    if heldBefore != Locks.held.count {
      outcome.problems.append("only \(heldBefore) locks were held at first")
    }
    for line in wronglyGranted.prefix(3) { outcome.problems.append("asker: \(line)") }
    if zip(freeBefore, free).contains(where: { $1.grants.count <= $0 }) {
      outcome.problems.append("a lock that conflicts with nothing was not granted afterwards")
    }
    outcome.problems += try await lossesInKernelLog(of: holder)
    let lastWritten = writes.last.flatMap { $0.split(separator: " ").last.flatMap { Int($0) } } ?? 0
    let stored =
      Int(
        try await server.run("head -n 1 \(service.folder)/whole.dat").trimmingCharacters(
          in: .whitespacesAndNewlines))
      ?? -1
    if stored < lastWritten {
      outcome.problems.append("the file says \(stored), the holder had written \(lastWritten)")
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
}
