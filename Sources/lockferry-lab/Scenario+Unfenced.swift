import Foundation
import HostTestKit

/// What happens where nothing can stop the old owner.
extension Scenario {
  /// 2b
  static let hangUnfenced = Scenario(
    name: "hang-unfenced",
    what: "the primary hangs, nothing fences it, both servers mount the disk; it goes on after the adoption",
    otherRecoveries: Setting.Recovery.inEveryWay, setting: Setting(isFenced: false, sharesDisk: true)
  ) { site in try await comesBack(site, after: .hang) }

  /// 2b, harder
  static let pauseUnfenced = Scenario(
    name: "pause-unfenced",
    what: "the same, but the primary's clocks stand still as well, as when a hypervisor pauses a machine",
    otherRecoveries: Setting.Recovery.inEveryWay, setting: Setting(isFenced: false, sharesDisk: true)
  ) { site in try await comesBack(site, after: .stop) }

  private static func comesBack(_ site: Site, after pause: Guest.Pause) async throws -> Outcome {
    let held = try await site.begin()
    let straggler = try await Straggler.start(on: site, writingTo: site.a)
    // What a does not hold for writing, the cluster file system then lets b read without asking a. For the rest b waits
    // until a goes on.
    try await site.b.run("ls -l /srv/home; stat -f /srv/home")
    // Just after a beat: a rename that is under way when a machine stops is finished when it goes on (docs/failure-model.md).
    _ = try await site.nextBeat(of: site.a)()
    try await site.a.pause(by: pause)
    site.note("a hangs")
    try await site.waitUntilOnline(site.b)
    let nextBeat = try await site.nextBeat(of: site.a)
    site.note("service online on b; a goes on")
    let wakes = Moment.now
    try await site.a.resume(after: pause)
    let writes = try await nextBeat()
    site.note("a has written to the store again")
    var outcome = try await site.judge(on: site.b, heldBefore: held)
    let took = straggler.answers(since: wakes)
    let served = took.last ?? 0
    outcome.remarks.append(
      "a served the address for \(Self.seconds(served)) after it went on (\(took.count) writes taken), and was back "
        + "in the store after \(Self.seconds(wakes.milliseconds(to: writes)))")
    if served > wakes.milliseconds(to: writes) {
      outcome.problems.append("a served the address after it had written to the store")
    }
    let remains = try await site.a.run(
      "ip -o address show | grep -wF \(site.service.address) || true; $lab_bin/exportfs | grep /srv/home || true"
    )
    if !remains.isEmpty { outcome.problems.append("a still serves: \(remains)") }
    let stale = try await site.locksHeld(on: site.a)
    if stale > 0 { outcome.problems.append("a's kernel still has \(stale) locks") }
    try await site.takesNothingBack(site.a, from: site.b)
    return outcome
  }

  private static func seconds(_ milliseconds: Int) -> String {
    "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
  }
}

extension Site {
  /// Of the link that has the service's address: an isolated service has one of its own.
  fileprivate func linkAddress(on server: Guest) async throws -> String {
    guard rack.recovery == .isolated else { return server.linkAddress }
    let line = try await server.run("ip -n lockferry-\(service.name) -o link show dev service")
    // 2: service@if2: <…> … link/ether 8e:6c:… brd ff:…
    let words = line.split(whereSeparator: \.isWhitespace)
    guard let kind = words.firstIndex(of: "link/ether"), words.indices.contains(kind + 1) else {
      throw HostTestError("\(server.name) has no link of \(service.name): \(line)")
    }
    return String(words[kind + 1])
  }

  /// Where the service's rpc.mountd listens.
  fileprivate func mountPort(on server: Guest) async throws -> String {
    let port = try await server.run(
      "service=\(service.name); in_service rpcinfo -p | awk '$1 == 100005 && $3 == \"tcp\" { print $4; exit }'"
    ).trimmingCharacters(in: .whitespacesAndNewlines)
    guard !port.isEmpty else { throw HostTestError("\(server.name) has no rpc.mountd of \(service.name)") }
    return port
  }

  /// Watches from now on for the next beat of `guest`, as the store's own machine sees it; what it returns waits until that
  /// has come, and says when, on the lab's own clock.
  func nextBeat(of guest: Guest) async throws -> @Sendable () async throws -> Date {
    // Without a process for each look: those take long on an emulated machine.
    try await store.run(
      """
      beat=/disk/store/lockferry/nodes/\(guest.name)/beat
      rm -f /lab/store/next-beat
      old=$(sed -n 's/^counter: //p' $beat) new=
      (until [ "${new:-$old}" != "$old" ]; do
           while read -r word value; do [ "$word" != counter: ] || new=$value; done < $beat
       done
       : > /lab/store/next-beat) > /dev/null 2>&1 &
      """)
    let file = store.folder + "/next-beat"
    return {
      try await value(within: .seconds(120), "\(guest.name) writes its beat") {
        (try? FileManager.default.attributesOfItem(atPath: file))?[.modificationDate] as? Date
      }
    }
  }
}

/// `lab-straggler`, in the lab's own network and on its clock: a client that goes on sending to the machine which once
/// had the service address.
struct Straggler: Sendable {
  private let log: String

  static func start(on site: Site, writingTo server: Guest) async throws -> Straggler {
    let host = site.rack.host
    try await host.run(["ip", "address", "add", "10.88.0.31/24", "dev", Rack.bridge]).orThrow()
    let address = site.service.address
    try await host.run([
      "ip", "neighbour", "replace", address, "lladdr", try await site.linkAddress(on: server), "dev",
      Rack.bridge, "nud", "permanent",
    ]).orThrow()
    let straggler = Straggler(log: site.rack.folder + "/straggler.log")
    let program = try await host.start([
      HostTestKit.builtProgram("lab-straggler"), address, try await site.mountPort(on: server),
      site.service.folder, straggler.log,
    ])
    try await eventually(within: .seconds(90), "\(server.name) takes the straggler's writes") {
      if let end = program.end { throw HostTestError("lab-straggler: \(end): \(program.errors)") }
      return straggler.lines.count { $0.hasSuffix(" took") } >= 3
    }
    return straggler
  }

  /// When a write was taken, in milliseconds after `moment`.
  func answers(since moment: Moment) -> [Int] {
    lines.filter { $0.hasSuffix(" took") }
      .compactMap { $0.split(separator: " ").first.flatMap { Double($0) } }
      .map { moment.milliseconds(to: Date(timeIntervalSince1970: $0 / 1000)) }
      .filter { $0 >= 0 }
  }

  private var lines: [Substring] {
    ((try? String(contentsOfFile: log, encoding: .utf8)) ?? "").split(separator: "\n")
  }
}
