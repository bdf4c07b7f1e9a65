import HostTestKit

/// Services of other kinds, and more than one.
extension Scenario {
  /// B3, T1: two services of a go to b at the same time, and later one of them back, each with its own clients and numbers.
  static let twoServices = Scenario(
    name: "two-services",
    what: "the primary of two services loses its power; later one of them goes back and the other stays",
    otherRecoveries: [.nfs], setting: Setting(services: [.home, .work], recovery: .isolated)
  ) { site in
    let work = site.of(.work, heldBy: site.store)
    let services = [site, work]
    let heldOfHome = try await site.begin()
    try await work.waitUntilOnline(site.a)
    try await work.waitUntil(site.b, answers: "/candidate?service=work", "b could adopt work")
    for server in [site.a, site.b] { try await site.endGrace(on: server) }
    // The store's machine has no other part in NFSv3.
    try await site.store.run("modprobe nfsv3; start_client_statd")
    let held = [heldOfHome, try await work.takeLocksAndAsk()]
    let own = try await OwnClient.begin(on: site)
    try await site.a.powerCut()
    site.note("power of a is cut")
    for each in services { try await each.adopt() }
    // The lab ends no grace period before everybody is back.
    for each in services { try await each.waitForReclaims(on: site.b) }
    await own.waitForReclaim()
    var outcome = Outcome(heldBefore: 0, heldAfter: 0)
    for (each, held) in zip(services, held) {
      outcome.add(try await each.judge(on: site.b, heldBefore: held), of: each.service)
    }
    try await own.judge(&outcome)
    outcome.problems += try await site.foreignNames(for: services)
    if site.rack.recovery == .isolated {
      outcome.problems += try await site.ledgers(of: services, on: site.b)
    }
    guard outcome.holds else { return outcome }
    outcome.problems += try await site.goesBack(besides: work, held: held)
    return outcome
  }

  /// T7: a service address of IPv6, by which clients mount it.
  static let crashByIPv6 = Scenario(
    name: "crash-ipv6", what: "the primary's power is cut; clients mount the service by IPv6 alone",
    setting: Setting(services: [.homeByIPv6], recovery: .isolated), play: crash.play)
}

extension Site {
  /// The host names by which a client's rpc.statd was told of restarts, in order.
  func names(toldTo client: Guest) -> [String] {
    // rpc.statd: Received SM_NOTIFY from nfs.lab.test, state: 5
    client.text("statd.log").split(separator: "\n").compactMap { line in
      guard let start = line.firstRange(of: "Received SM_NOTIFY from "),
        let end = line.firstRange(of: ", state: ")
      else { return nil }
      return String(line[start.upperBound..<end.lowerBound])
    }
  }

  /// Clients that were told by a service that they do not use, or not by one that they do.
  fileprivate func foreignNames(for services: [Site]) async throws -> [String] {
    var problems: [String] = []
    for client in [holder] + services.dropFirst().map(\.holder) + [asker] {
      let uses = services.filter { $0.holder.name == client.name || asker.name == client.name }
      let told = Set(names(toldTo: client))
      note("\(client.name) was told by \(told.sorted().joined(separator: ", "))")
      let due = Set(uses.map(\.service.hostName))
      let known = uses.reduce(into: Set<String>()) { $0.formUnion($1.service.names) }
      let foreign = told.subtracting(known)
      // rpc.statd does not write down by which of a server's names a client came, so services that share one share their
      // clients, and clients ignore names that they do not know.
      if rack.recovery == .isolated, !foreign.isEmpty {
        problems.append("\(client.name) was told by \(foreign.sorted().joined(separator: ", "))")
      }
      let missing = due.subtracting(told)
      if !missing.isEmpty {
        problems.append("\(client.name) was not told by \(missing.sorted().joined(separator: ", "))")
      }
    }
    return problems
  }

  /// The ledgers of services whose holders and the asker have reclaimed all.
  fileprivate func ledgers(of services: [Site], on server: Guest) async throws -> [String] {
    var problems: [String] = []
    for each in services {
      problems += try await each.ledger(on: server, back: [each.holder], others: [asker])
    }
    return problems
  }

  /// This service goes back to a, and `other` must notice nothing on b; returns what was wrong. `held` has both.
  fileprivate func goesBack(besides other: Site, held: [Int]) async throws -> [String] {
    try await a.powerOn()
    try await takesNothingBack(a, from: b)
    try await other.takesNothingBack(a, from: b)
    let epoch = try await status(of: b).service(other.service.name)?.epoch
    let told = names(toldTo: other.holder).count
    try await waitUntilMirrored(b)
    try await migrate(from: b, to: a)
    try await waitUntilGraceIsEnded(on: a)
    var problems: [String] = []
    let here = try await judge(on: a, heldBefore: held[0])
    let there = try await other.judge(on: b, heldBefore: held[1])
    for (outcome, server) in [(here, a), (there, b)] where !outcome.holds {
      problems.append(
        "after the way back \(server.name) has \(outcome.heldAfter) of \(outcome.heldBefore) locks, "
          + "\(outcome.wronglyGranted) were wrongly granted")
      problems += outcome.faults
    }
    let now = try await status(of: b).service(other.service.name)
    if now?.epoch != epoch || now?.owner != b.name || now?.state != "online" {
      problems.append("\(other.service.name) did not stay: \(now.map { "\($0)" } ?? "unknown")")
    }
    if rack.recovery == .isolated, names(toldTo: other.holder).count != told {
      problems.append("clients of \(other.service.name) were told again though it stayed")
    }
    return problems
  }
}

extension Outcome {
  /// Adds what was seen of another service.
  mutating func add(_ other: Outcome, of service: Service) {
    heldBefore += other.heldBefore
    heldAfter += other.heldAfter
    wronglyGranted += other.wronglyGranted
    pause = [pause, other.pause].compactMap(\.self).max()
    problems += other.problems.map { "\(service.name): \($0)" }
    unexplained += other.unexplained.map { "\(service.name): \($0)" }
    remarks += other.remarks
  }
}
