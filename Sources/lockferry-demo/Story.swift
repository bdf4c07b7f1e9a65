import Foundation
import HostTestKit

/// What the demo shows, from power-on to the callback.
struct Story {
  /// Also print what every program wrote.
  var printsLogs: Bool
  private let start = ContinuousClock.now

  init(printsLogs: Bool) { self.printsLogs = printsLogs }

  func tell() async throws {
    say(
      """
      lockferry demo: an NFS server loses its power, and its clients' locks move

      Real in this demo: rpcbind, rpc.statd and sm-notify of this machine, on three hosts in namespaces of their own,
      and lockferry on both servers over a store that is a shared folder.
      Not in it: a kernel NFS server, and so no file that is really locked. Where the kernel's lock manager would
      call the status monitor or be called by it, the small program nsm-peer makes or takes the very same calls.

      """)
    try await withTestNetwork { network in
      do {
        try await play(in: network)
      } catch is CancellationError {
        // Interrupted, or the time is over: then these are the only witnesses.
        if printsLogs || ContinuousClock.now - start >= Demo.limit { say(network.logs) }
        throw CancellationError()
      }
      if printsLogs { say("\nThe programs' own words:\n" + network.logs) }
    }
    say("\nEverything that was started has been ended; nothing is left behind.")
  }

  private func play(in network: TestNetwork) async throws {
    let site = try await TwoServers(in: network)
    let (primary, adoptive, client) = (site.primary, site.adoptive, site.client)
    try site.makeStore()
    try site.writeNodeFiles()
    try await site.startStatusMonitors()
    say(
      "Three hosts are up: server a (\(primary.address)), server b (\(adoptive.address)), client (\(client.address))."
    )
    try await site.startDaemons()
    say(
      """
      lockferry runs on a and b. Its service `\(TwoServers.service)`, mounted as \(TwoServers.serverName) \
      (\(TwoServers.address)), is online on a.
      """)

    let listener = try await client.listen(callbacks: 1, within: .seconds(60))
    let seen = try await site.firstLock(on: primary)
    let record = try name(of: primary.recordNames)
    say(
      """
      The client takes its first lock: a's rpc.statd was asked to remember the client (SM_MON) and wrote the record
      sm/\(record); its state number is \(seen). The client's rpc.statd remembers \(TwoServers.serverName), too, and
      will call nsm-peer back if that server says that it has restarted.
      """)
    let mirror = try await site.waitUntilMirrored(primary, records: 1)
    say(
      "The record is in the shared store (\(mirror.recordsMirrored) of \(mirror.recordsSeen), byte for byte)."
    )

    let cut = try await primary.powerCut()
    say(
      "\nNow server a loses its power: every process on it got SIGKILL at once, its network cable is dead.\n")
    let callback = try await listener.callback(within: .seconds(40), "the client's program is called back")
    let entry = try await site.adoption(by: adoptive, within: .seconds(10))
    say(Timeline(cut: cut, entry: entry, callback: callback).text)
    try judge(callback: callback, seen: seen, record: record, entry: entry, adoptive: adoptive)
    say(
      """
      OK: the client was called back with state number \(callback.state), which is newer than the \(seen) that it knew.
      A real lock manager now reclaims its locks from b, during b's grace period and before anyone else can take them.
      The record is in b's own sm/\(record), so that b will tell the client again if b restarts.
      """)
  }

  private func name(of records: [String]) throws -> String {
    guard records.count == 1, let record = records.first else {
      throw HostTestError("a's rpc.statd was to write one record, but sm/ has: \(records)")
    }
    return record
  }

  private func judge(
    callback: Callback, seen: Int, record: String, entry: HistoryAnswer, adoptive: TestHost
  ) throws {
    guard callback.state > seen, callback.state != 0 else {
      throw HostTestError(
        "the callback's state number \(callback.state) is not newer than \(seen): the client would not reclaim"
      )
    }
    guard callback.monName == TwoServers.serverName else {
      throw HostTestError("the callback was for \(callback.monName), not for \(TwoServers.serverName)")
    }
    guard adoptive.recordNames.contains(record) else {
      throw HostTestError("\(record) is not in b's own sm/, which has: \(adoptive.recordNames)")
    }
    guard entry.outcome == "done" else {
      throw HostTestError("the adoption \(entry.outcome): \(entry.problem ?? "no reason given")")
    }
  }
}
