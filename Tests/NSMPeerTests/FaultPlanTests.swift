import Testing

@testable import nsm_peer

@Suite("The crowd's fault plan") struct FaultPlanTests {
  private func plan(
    _ shares: [ClientFaults: Share], packets: PacketFaults = PacketFaults(), seed: UInt64 = 7
  ) -> FaultPlan {
    FaultPlan(clients: 1_000, shares: shares, packets: packets, seed: seed)
  }

  @Test("Exactly the share of clients that was asked for has a fault")
  func shares() {
    let faults = plan([.dead: .fraction(0.05), .silentUDP: .number(13), .moving: .number(5_000)]).faults
    #expect(faults.count { $0.contains(.dead) } == 50)
    #expect(faults.count { $0.contains(.silentUDP) } == 13)
    #expect(faults.count { $0.contains(.moving) } == 1_000)
    #expect(faults.allSatisfy { !$0.contains(.closedUDP) })
  }

  @Test("The same seed chooses the same clients, another seed others")
  func seeds() {
    let shares: [ClientFaults: Share] = [.dead: .number(50)]
    #expect(plan(shares).faults == plan(shares).faults)
    #expect(plan(shares).faults != plan(shares, seed: 8).faults)
  }

  @Test("One fault's clients do not depend on another fault's share")
  func independence() {
    let alone = plan([.dead: .number(50)]).faults.map { $0.contains(.dead) }
    let both = plan([.dead: .number(50), .noStatusMonitor: .number(200)]).faults.map { $0.contains(.dead) }
    #expect(alone == both)
  }

  @Test("A packet's fate is the same whenever it is asked for, and near the likelihood over many")
  func packetFates() {
    var packets = PacketFaults()
    packets.dropRequests = Percent(fraction: 0.3)
    packets.garbage = Percent(fraction: 0.1)
    let plan = plan([:], packets: packets)
    var dropped = 0
    var spoiled = 0
    for client in 0..<1_000 {
      for packet in 0..<UInt32(10) {
        let fate = plan.fate(client: client, packet: packet)
        #expect(fate == plan.fate(client: client, packet: packet))
        #expect(!fate.dropsReply && !fate.duplicates && fate.delayNanoseconds == 0)
        dropped += fate.dropsRequest ? 1 : 0
        spoiled += fate.spoiling == .garbage ? 1 : 0
      }
    }
    // Five standard deviations of 10,000 draws.
    #expect((2_770...3_230).contains(dropped))
    #expect((850...1_150).contains(spoiled))
  }

  @Test("What is certain happens to all packets, and what is not wanted to none")
  func certainFates() {
    var packets = PacketFaults()
    packets.delayed = Percent(fraction: 1)
    packets.delayMilliseconds = 20
    packets.duplicates = Percent(fraction: 1)
    let faulty = plan([:], packets: packets)
    for packet in 0..<UInt32(100) {
      let fate = faulty.fate(client: 3, packet: packet)
      #expect(fate == PacketFate(duplicates: true, delayNanoseconds: 20_000_000))
      #expect(plan([:]).fate(client: 3, packet: packet) == .good)
    }
  }

  @Test(
    "Who can be told at all",
    arguments: [
      ([], 2, true), (.dead, 2, false), (.noStatusMonitor, 2, false), (.lateStatusMonitor, 2, true),
      (.silentUDP, 2, true), (.silentTCP, 2, true), ([.silentUDP, .silentTCP], 2, false),
      ([.closedUDP, .silentTCP], 2, false), (.systemError, 2, true), (.systemError, 0, false),
      (.moving, 2, true),
    ] as [(ClientFaults, Int, Bool)])
  func tellable(faults: ClientFaults, errorCalls: Int, expected: Bool) {
    #expect(faults.isTellable(errorCalls: errorCalls) == expected)
  }

  @Test("Shares and likelihoods are read as people write them")
  func arguments() {
    #expect(Share(argument: "5%") == .fraction(0.05))
    #expect(Share(argument: "50") == .number(50))
    for text in ["", "-1", "101%", "x%", "5.5"] { #expect(Share(argument: text) == nil) }
    #expect(Percent(argument: "0.5%") == Percent(fraction: 0.005))
    #expect(Percent(argument: "30") == nil)
    #expect(Percent(fraction: 1).threshold == 1 << 32)
  }
}
