import Foundation
import HostTestKit

/// Scenarios about who keeps the records: rpc.statd with `lockferry-callout`, and `lockferry statd`.
extension Scenario {
  /// B1: no lock is granted whose record is not in the store. Clients that no server has seen before take their first
  /// locks one after the other until the primary's power is cut; whoever was granted one has to get it back.
  static let mirroredUntilTheCut = Scenario(
    name: "mirrored-until-the-cut",
    what: "new clients take locks until the primary's power is cut, with lockferry-callout in rpc.statd -H",
    setting: Setting(statusMonitor: .callout)
  ) { site in
    try await site.cutAmidFirstLocks {
      try await site.a.run("$lab_programs/lockferry doctor")
      site.note("lockferry doctor on a finds nothing wrong")
    }
  }

  /// The same with `lockferry statd` everywhere, which refuses a lock whose record isn't in the store.
  static let refusedUntilMirrored = Scenario(
    name: "statd-until-the-cut",
    what: "new clients take locks until the primary's power is cut, with lockferry statd that may refuse",
    setting: Setting(statusMonitor: .lockferry)
  ) { try await $0.cutAmidFirstLocks() }

  /// Real lockd, as server and as client, with `lockferry statd` in the place of every rpc.statd, that of an isolated service
  /// among them.
  static let ownStatusMonitor = Scenario(
    name: "statd-crash",
    what: "the primary's power is cut; lockferry statd in the place of rpc.statd on servers and clients",
    otherRecoveries: [.isolated], setting: Setting(statusMonitor: .lockferry)
  ) { site in
    let held = try await site.begin()
    for guest in [site.a, site.b, site.holder, site.asker] {
      try await guest.run("! pidof rpc.statd && pidof lockferry && rpcinfo -T tcp 127.0.0.1 status")
    }
    let isIsolated = site.rack.recovery == .isolated
    if isIsolated { try await site.killStatusMonitorOfService(on: site.a) }
    try await site.a.powerCut()
    site.note("power of a is cut")
    let outcome = try await site.judgeAdoption(heldBefore: held)
    if isIsolated { try await site.expectStatusMonitorOfService(on: site.b) }
    return outcome
  }
}

extension Site {
  /// The status monitor of the isolated service dies; lockferry starts it again, and it knows its clients.
  fileprivate func killStatusMonitorOfService(on server: Guest) async throws {
    let before = try await expectStatusMonitorOfService(on: server)
    try await server.run("kill -9 \(before)")
    try await eventually(within: .seconds(90), "the status monitor of the service runs again") {
      let now = try? await expectStatusMonitorOfService(on: server)
      return now != nil && now != before
    }
    note("lockferry statd of the service on \(server.name) was killed, and is there again")
  }

  /// `lockferry statd` is what answers within, and has a record of both clients. Returns its process.
  @discardableResult
  fileprivate func expectStatusMonitorOfService(on server: Guest) async throws -> String {
    let output = try await server.run(
      """
      for process in $(ip netns pids lockferry-home); do
          case $(cat /proc/$process/comm) in
          lockferry-statd) echo "$process" ;;
          rpc.statd) echo "rpc.statd runs there"; exit 1 ;;
          esac
      done
      in_service rpcinfo -T tcp 127.0.0.1 status > /dev/null
      [ "$(in_service ls /var/lib/nfs/sm | wc -l)" = 2 ]
      """)
    guard Int(output.trimmingCharacters(in: .whitespacesAndNewlines)) != nil else {
      throw HostTestError("\(server.name): lockferry statd of the service: \(output)")
    }
    return output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// How many new clients there are; more than can be granted a lock before the power is cut.
  private static let newClients = 14

  fileprivate func cutAmidFirstLocks(_ check: () async throws -> Void = {}) async throws -> Outcome {
    let held = try await begin()
    try await check()
    guard let heard = try await status(of: a).callout, heard.durable >= 2 else {
      throw HostTestError("the daemon on a was not asked for the records of holder and asker")
    }
    let clients = NewClient.all(Self.newClients)
    try await holder.run("$lab_scripts/new-clients.sh prepare \(clients.count)", within: .seconds(300))
    note("\(clients.count) clients that nobody has seen have mounted")
    let enough = Int.random(in: 3...7)
    try await holder.run("$lab_scripts/new-clients.sh go")
    try await eventually(within: .seconds(120), "\(enough) of them have locks") {
      clients.count { $0.isGranted(holder) } >= enough
    }
    try await Task.sleep(for: .milliseconds(.random(in: 0...700)))
    try await a.powerCut()
    // What was granted at the last moment is still on its way into the client's log; the next grant can't come before
    // the owner's lease has ended.
    try await Task.sleep(for: .seconds(5))
    let granted = clients.filter { $0.isGranted(holder) }
    note("power of a is cut; \(granted.count) of \(clients.count) new clients have locks")
    let stored = try await store.run("ls /disk/store/lockferry/services/home/sm").split(separator: "\n")
    let unmirrored = granted.filter { !stored.contains(Substring($0.address)) }

    try await adopt()
    let locks = granted.map(\.lock)
    try await waitUntilReclaimed(Locks.held + locks, on: b)
    let reclaimed = try await locksHeld(locks, on: b)
    note("\(reclaimed) of \(locks.count) locks of new clients are reclaimed")
    var outcome = try await judge(on: b, heldBefore: held)
    outcome.heldBefore += locks.count
    outcome.heldAfter += reclaimed
    // Whoever was cut off before its lock was granted gets it in the end, and whoever has one keeps it.
    try await eventually(within: .seconds(240), "the others get their locks, too") {
      clients.allSatisfy { $0.isGranted(holder) }
    }
    outcome.wronglyGranted += try await grantsToOthers(of: locks)
    for client in unmirrored {
      outcome.problems.append("\(client.address) had a lock and no record in the store")
    }
    if granted.count == clients.count {
      outcome.problems.append(
        "every client had its lock before the power was cut: nothing was under way then")
    }
    outcome.remarks.append(
      "\(locks.count) of \(clients.count) new clients had their first lock when the power was cut")
    return outcome
  }

  /// How many of these locks somebody else is granted, each asked for twice.
  private func grantsToOthers(of locks: [Locks.Lock]) async throws -> Int {
    try await asker.run(
      locks.map {
        "$lab_programs/lab-locks ask /lab/asker/again-\($0.name).log \($0.argument()) > /dev/null 2>&1 &"
      }.joined(separator: "\n"))
    let logs = locks.map { "again-\($0.name).log" }
    func answers(_ log: String, _ word: String) -> Int {
      asker.text(log).split(separator: "\n").count { $0.hasSuffix(word) }
    }
    try await eventually(within: .seconds(120), "the asker is told about the new clients' locks") {
      logs.allSatisfy { answers($0, " refused") + answers($0, " granted") >= 2 }
    }
    return logs.reduce(0) { $0 + answers($1, " granted") }
  }
}

/// One of the clients that `new-clients.sh` makes on the holder's machine.
private struct NewClient {
  var number: Int

  static func all(_ count: Int) -> [NewClient] { (1...count).map { NewClient(number: $0) } }

  /// By which servers know it, and after which its record is named.
  var address: String { "10.88.0.\(100 + number)" }

  /// The one that it takes.
  var lock: Locks.Lock {
    Locks.Lock(name: "new-\(number)", file: "new-\(number).dat", isExclusive: true, start: 0, length: 0)
  }

  /// Its kernel has told it that it has the lock.
  func isGranted(_ machine: Guest) -> Bool { machine.text("new-\(number).log").contains("all held") }
}
