import ONCRPC
import StatusMonitor
import Testing

@testable import nsm_peer

/// A crowd that is asked in memory, by the codec that the product uses.
private struct AskedCrowd {
  var hosts: CrowdHosts
  private var transaction: UInt32 = 1
  static let ports: (first: UInt16, second: UInt16) = (40_001, 40_002)

  init(
    _ faults: ClientFaults = [], first: String = "127.1.0.1", names: [String] = [], clients: Int = 3,
    patience: CrowdHosts.Patience = CrowdHosts.Patience(), turns: CrowdHosts.Turns = CrowdHosts.Turns()
  ) throws {
    var shares: [ClientFaults: Share] = [:]
    for (fault, _) in ClientFaults.named where faults.contains(fault) { shares[fault] = .number(clients) }
    hosts = CrowdHosts(
      addresses: try ClientAddresses(first: first, count: clients),
      plan: FaultPlan(clients: clients, shares: shares, packets: PacketFaults(), seed: 1),
      patience: patience, ports: Self.ports, wantedNames: names.map { Array($0.utf8) }, turns: turns)
  }

  mutating func ask(
    _ service: CrowdHosts.Service, client: Int = 0, program: UInt32, version: UInt32, procedure: UInt32,
    arguments: [UInt8] = [], overTCP: Bool = false, at now: Int64 = 5
  ) throws -> RPCReply.Outcome? {
    transaction += 1
    let call = RPCCall(
      transactionID: transaction, program: program, version: version, procedure: procedure)
    guard let bytes = answer(try call.message(arguments: arguments), service, client, overTCP, now) else {
      return nil
    }
    let reply = try RPCReply.parse(bytes)
    #expect(reply.transactionID == transaction)
    return reply.outcome
  }

  mutating func answer(
    _ message: [UInt8], _ service: CrowdHosts.Service, _ client: Int = 0, _ overTCP: Bool = false,
    _ now: Int64 = 5
  ) -> [UInt8]? {
    var room = [UInt8](repeating: 0, count: ReplyRoom.neededBytes)
    let source: [UInt8] = [127, 0, 0, 1] + [UInt8](repeating: 0, count: 12)
    let count = room.withUnsafeMutableBytes { room in
      var reply = ReplyRoom(room)
      let isAnswered = message.withUnsafeBytes { message in
        source.withUnsafeBytes {
          hosts.answer(
            message,
            CrowdHosts.Arrival(
              client: client, service: service, overTCP: overTCP, source: $0, sourcePort: 700, now: now),
            into: &reply)
        }
      }
      return isAnswered ? reply.count : nil
    }
    return count.map { Array(room.prefix($0)) }
  }

  /// `PMAPPROC_GETPORT`; nil where it isn't registered.
  mutating func lookUp(client: Int = 0, overTCP: Bool = false) throws -> UInt16? {
    let outcome = try ask(
      .portMapper, client: client, program: 100_000, version: 2, procedure: 3,
      arguments: PortMap.portArguments(
        program: 100_024, version: 1, transport: overTCP ? PortMap.tcp : PortMap.udp))
    guard case .success(let results) = outcome else { throw RPCMessageError.unexpectedType(0) }
    return try PortMap.port(results: results)
  }

  mutating func notify(
    _ name: String = "server", state: Int32 = 7, client: Int = 0, atSecond: Bool = false,
    overTCP: Bool = false, now: Int64 = 5
  ) throws -> RPCReply.Outcome? {
    try ask(
      .statusMonitor(second: atSecond), client: client, program: 100_024, version: 1, procedure: 6,
      arguments: RestartNotice(monName: Array(name.utf8), state: state).encoded(), overTCP: overTCP, at: now)
  }
}

@Suite("What the hosts of the crowd answer") struct CrowdHostsTests {
  @Test("rpcbind version 2 knows the status monitor's port and its own")
  func portMapperVersion2() throws {
    var crowd = try AskedCrowd()
    #expect(try crowd.lookUp() == AskedCrowd.ports.first)
    #expect(try crowd.lookUp(overTCP: true) == AskedCrowd.ports.first)
    let other = try crowd.ask(
      .portMapper, program: 100_000, version: 2, procedure: 3,
      arguments: PortMap.portArguments(program: 100_003, version: 3, transport: PortMap.tcp))
    #expect(other == .success([0, 0, 0, 0]))
    #expect(try crowd.ask(.portMapper, program: 100_000, version: 2, procedure: 0) == .success([]))
  }

  @Test("rpcbind versions 3 and 4 name the universal address", arguments: [UInt32(3), 4])
  func rpcbind(version: UInt32) throws {
    var crowd = try AskedCrowd(first: "fd00:1::1")
    let outcome = try crowd.ask(
      .portMapper, client: 1, program: 100_000, version: version, procedure: 3,
      arguments: PortMap.addressArguments(program: 100_024, version: 1, netID: "udp6"))
    guard case .success(let results) = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
    #expect(try PortMap.port(addressResults: results) == AskedCrowd.ports.first)
    #expect(String(decoding: results.dropFirst(4), as: UTF8.self).hasPrefix("fd00:1::2.156.65"))
    #expect(
      try crowd.ask(.portMapper, program: 100_000, version: 2, procedure: 3)
        == .programMismatch(low: 3, high: 4))
  }

  @Test("What is no service, version or procedure of a client's gets RPC's own answers")
  func otherCalls() throws {
    var crowd = try AskedCrowd()
    let statd = CrowdHosts.Service.statusMonitor(second: false)
    #expect(try crowd.ask(statd, program: 100_003, version: 3, procedure: 0) == .programUnavailable)
    #expect(
      try crowd.ask(statd, program: 100_024, version: 2, procedure: 0) == .programMismatch(low: 1, high: 1))
    #expect(try crowd.ask(statd, program: 100_024, version: 1, procedure: 2) == .procedureUnavailable)
    #expect(
      try crowd.ask(statd, program: 100_024, version: 1, procedure: 6, arguments: [0, 0, 0, 9])
        == .garbageArguments)
    #expect(crowd.answer([1, 2, 3], statd) == nil)
    #expect(crowd.answer([UInt8](repeating: 0xff, count: 60), statd) == nil)
    #expect(crowd.hosts.ledger.notifications == 0)
  }

  @Test("A client is told when it has heard every name under one state number")
  func toldByAllNames() throws {
    var crowd = try AskedCrowd(names: ["nfs.example", "nfs"])
    #expect(try crowd.notify("nfs.example", state: 7, now: 10) == .success([]))
    #expect(crowd.hosts.ledger.told == 0)
    _ = try crowd.notify("nfs", state: 9, now: 20)
    #expect(crowd.hosts.ledger.told == 0)
    _ = try crowd.notify("other", state: 9, now: 25)
    _ = try crowd.notify("nfs.example", state: 9, overTCP: true, now: 30)
    #expect(crowd.hosts.ledger.told == 1)
    #expect(crowd.hosts.ledger.toldAt(0) == 30)
    _ = try crowd.notify("nfs", state: 9, now: 40)
    #expect(crowd.hosts.ledger.duplicates == 1)
    let entries = crowd.hosts.ledger.entries(of: 0)
    #expect(entries.map(\.state) == [7, 9, 9, 9])
    #expect(entries.map(\.firstAt) == [10, 20, 25, 30])
    #expect(entries.map(\.overTCP) == [0, 0, 0, 1])
    #expect(crowd.hosts.ledger.sources.map(\.privileged) == [5])
    #expect(crowd.hosts.ledger.toldAt(1) == nil)
  }

  @Test("A late status monitor is registered after its look-ups, one that doesn't run never")
  func lateAndMissing() throws {
    var late = try AskedCrowd(.lateStatusMonitor, patience: .init(lookUps: 2))
    #expect(try [late.lookUp(), late.lookUp(), late.lookUp()] == [nil, nil, AskedCrowd.ports.first])
    #expect(try late.lookUp(client: 1) == nil)
    var missing = try AskedCrowd(.noStatusMonitor)
    for _ in 0..<5 { #expect(try missing.lookUp() == nil) }
    #expect(try missing.notify() == nil)
  }

  @Test("A moving status monitor has left the port that the first look-up named, and moves once more")
  func moving() throws {
    var crowd = try AskedCrowd(.moving)
    #expect(try crowd.lookUp() == AskedCrowd.ports.first)
    #expect(try crowd.notify() == nil)
    #expect(try crowd.lookUp() == AskedCrowd.ports.second)
    #expect(try crowd.notify("a", atSecond: true) == .success([]))
    #expect(try crowd.notify("b", atSecond: true) == nil)
    #expect(try crowd.lookUp() == AskedCrowd.ports.first)
    #expect(try crowd.notify("b") == .success([]))
    #expect(try crowd.lookUp() == AskedCrowd.ports.first)
    #expect(try crowd.notify("c") == .success([]))
  }

  @Test("Only the UDP port is a closed one")
  func closedUDP() throws {
    var crowd = try AskedCrowd(.closedUDP)
    #expect(try crowd.lookUp() == CrowdHosts.closedPort)
    #expect(try crowd.lookUp(overTCP: true) == AskedCrowd.ports.first)
  }

  @Test(
    "The first notifications are refused, and count as not received",
    arguments: [
      (.programUnavailable, .programUnavailable), (.systemError, .systemError),
      (.authenticationError, .authenticationError(5)),
    ] as [(ClientFaults, RPCReply.Outcome)])
  func errors(fault: ClientFaults, outcome: RPCReply.Outcome) throws {
    var crowd = try AskedCrowd(fault, patience: .init(errorCalls: 1))
    #expect(try crowd.notify() == outcome)
    #expect(crowd.hosts.ledger.told == 0)
    #expect(try crowd.notify() == .success([]))
    var always = try AskedCrowd(fault, patience: .init(errorCalls: 0))
    for _ in 0..<3 { #expect(try always.notify() == outcome) }
  }

  @Test("An old rpcbind knows one version")
  func oldPortMapper() throws {
    var crowd = try AskedCrowd(.oldPortMapper, first: "fd00:1::1")
    let arguments = try PortMap.addressArguments(program: 100_024, version: 1, netID: "udp6")
    #expect(
      try crowd.ask(.portMapper, program: 100_000, version: 4, procedure: 3, arguments: arguments)
        == .programMismatch(low: 3, high: 3))
    guard
      case .success = try crowd.ask(
        .portMapper, program: 100_000, version: 3, procedure: 3, arguments: arguments)
    else {
      Issue.record("version 3 is refused")
      return
    }
  }

  @Test("The dead come to life, and all fall silent, when as many are told as was said")
  func turns() throws {
    var crowd = try AskedCrowd(.dead, turns: .init(revival: 0))
    #expect(crowd.hosts.isDead(0) && !crowd.hosts.isTellable(0))
    #expect(crowd.hosts.fate(of: 0) == nil)
    // The dead are the sockets' affair; whoever is heard all the same counts.
    _ = try crowd.notify()
    #expect(crowd.hosts.isRevived && !crowd.hosts.isDead(0) && crowd.hosts.isTellable(0))
    #expect(crowd.hosts.fate(of: 0) == .good)

    var held = try AskedCrowd(turns: .init(hold: 2))
    _ = try held.notify(client: 0)
    #expect(held.hosts.fate(of: 1) == .good)
    _ = try held.notify(client: 1)
    #expect(held.hosts.isHeld && held.hosts.fate(of: 2) == nil && !held.hosts.answersTCP(2))
    held.hosts.resume()
    #expect(held.hosts.fate(of: 2) == .good && held.hosts.answersTCP(2))
  }

  @Test("Replies that wait leave by their time, then in the order in which they were made")
  func delayedReplies() {
    var replies = DelayedReplies<String>()
    for (text, dueAt) in [("c", 30), ("a", 10), ("d", 30), ("b", 20), ("e", 40)] {
      replies.add(text, dueAt: Int64(dueAt))
    }
    #expect(replies.nextDueAt == 10)
    var taken: [String] = []
    while let next = replies.takeNext(dueAt: 30) { taken.append(next) }
    #expect(taken == ["a", "b", "c", "d"])
    #expect(replies.nextDueAt == 40)
    #expect(replies.takeNext(dueAt: 39) == nil)
    #expect(replies.takeNext(dueAt: 40) == "e")
    #expect(replies.nextDueAt == nil)
  }
}
