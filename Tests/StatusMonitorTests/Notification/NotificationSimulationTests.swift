import ONCRPC
import Testing

@testable import StatusMonitor

/// B2: whole notifications on a network that misbehaves, from seeds. One at a time: they keep a processor busy for
/// seconds, and other tests wait for theirs.
@Suite(.serialized) struct NotificationSimulationTests {
  private static let second = 1_000_000

  private func schedule(
    _ clients: [NotificationClient], names: Int, salt: UInt32, _ timings: NotificationTimings
  ) throws -> NotificationSchedule {
    let errand = try NotificationErrand(
      .tell(names: (0..<names).map { "name\($0)" }, number: try #require(StateNumber(9))))
    return NotificationSchedule(errand, to: clients, timings: timings, salt: salt)
  }

  /// A network and clients of every kind.
  private func world(seed: UInt64) throws -> SimulatedNetwork {
    var random = SplitMix(seed: seed)
    func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &random) < share }
    let names = Int.random(in: 1...4, using: &random)
    var timings = NotificationTimings(gracePeriod: .seconds(50), limit: .seconds(3_600))
    timings.mostResolving = Int.random(in: 8...32, using: &random)
    timings.mostStreams = Int.random(in: 4...64, using: &random)
    var faults = SimulatedNetwork.Faults()
    faults.loss = Double.random(in: 0...0.35, using: &random)
    faults.duplicates = Double.random(in: 0...0.3, using: &random)
    let shortest = Int.random(in: 50...50_000, using: &random)
    faults.delay = shortest...shortest * Int.random(in: 1...20, using: &random)
    var clients: [NotificationClient] = []
    var hosts: [SimulatedHost] = []
    var resolvers: [SimulatedNetwork.Resolver] = []
    timings.mostLookUps = 100
    var hanging = 90
    for index in 0..<Int.random(in: 1...120, using: &random) {
      let address = chance(0.3) ? ipv6(index) : ipv4(index)
      var host = SimulatedHost(
        addresses: [address], upSince: 0, heard: [Int](repeating: 0, count: names))
      host.port = UInt16.random(in: 600...60_000, using: &random)
      if chance(0.05) { host.upSince = nil } else if chance(0.1) { host.upSince = Self.second * 300 }
      if chance(0.1) { host.registeredSince = Int.random(in: 0...600, using: &random) * Self.second }
      if chance(0.3) { host.rpcbindVersions = [chance(0.5) ? 3 : 4] }
      host.saysMismatch = chance(0.5)
      host.dropsDatagrams = chance(0.05)
      host.closesDatagrams = chance(0.05)
      if chance(0.2) { host.stream = SimulatedHost.Stream.allCases.randomElement(using: &random) ?? .hangs }
      if chance(0.1) { host.thinks = Int.random(in: 0...2 * Self.second, using: &random) }
      var resolver = SimulatedNetwork.Resolver.knows(after: 0)
      let recency = UInt64.random(in: 0...1_000, using: &random)
      if chance(0.3) {
        resolver =
          switch Int.random(in: 0..<10, using: &random) {
          case 0 where hanging > 0: .never
          case 1 where hanging > 0: .hangs
          case 2...4: .learns(refusals: Int.random(in: 1...5, using: &random))
          default: .knows(after: Int.random(in: 100...Self.second, using: &random))
          }
        switch resolver {
        case .never, .hangs:
          hanging -= 1
          host.upSince = nil
        default: break
        }
        if chance(0.2) { host.addresses.insert(ipv4(10_000 + index), at: 0) }
        clients.append(try named("host\(index)", recency: recency, wasToldBefore: chance(0.2)))
        if host.addresses.count > 1, chance(0.5) { host.addresses.reverse() }
      } else {
        clients.append(try literal(address, recency: recency, wasToldBefore: chance(0.2)))
      }
      hosts.append(host)
      resolvers.append(resolver)
    }
    return SimulatedNetwork(
      try schedule(clients, names: names, salt: UInt32.random(in: 0 ... .max, using: &random), timings),
      hosts: hosts, resolvers: resolvers, faults: faults, seed: seed)
  }

  @Test("B2 whatever the network does, every client that can be told is told, and no other counts as told")
  func seeds() throws {
    var extra = 0
    var said = 0
    for seed in 1...200 as ClosedRange<UInt64> {
      var network = try world(seed: seed)
      network.play()
      let isSound = network.wrongs == [] && network.isFinished
      #expect(isSound, "seed \(seed): \(network.wrongs)")
      guard isSound else { return }
      for (client, host) in network.hosts.enumerated() {
        if host.canBeTold {
          #expect(network.told[client] != nil, "seed \(seed): \(network.schedule.ledger(client)) \(host)")
        } else {
          #expect(network.told[client] == nil, "seed \(seed)")
          #expect(network.schedule.ledger(client).problem != nil, "seed \(seed): \(client)")
        }
        #expect(host.datagrams <= 150 * host.heard.count, "seed \(seed): \(client) \(host)")
        said += host.heard.count { $0 > 0 }
        extra += host.heard.reduce(0) { $0 + max($1 - 1, 0) }
      }
      if !network.told.contains(nil) {
        #expect(network.schedule.pace.outstanding == 0, "seed \(seed)")
      }
    }
    print("200 seeds: \(said) names were said, \(extra) times once more than needed")
  }

  /// Clients that answer at once, but for those at these places.
  private func crowd(
    _ count: Int, dead: (Int) -> Bool = { _ in false }, names: Int = 1, faults: SimulatedNetwork.Faults,
    limit: Duration = .seconds(900), seed: UInt64 = 1
  ) throws -> SimulatedNetwork {
    let timings = NotificationTimings(gracePeriod: .seconds(50), limit: limit)
    return SimulatedNetwork(
      try schedule((0..<count).map { try literal(ipv4($0)) }, names: names, salt: 1, timings),
      hosts: (0..<count).map { index in
        SimulatedHost(
          addresses: [ipv4(index)], upSince: dead(index) ? nil : 0, heard: [Int](repeating: 0, count: names))
      },
      resolvers: [SimulatedNetwork.Resolver](repeating: .never, count: count), faults: faults, seed: seed)
  }

  private func report(_ name: String, _ network: SimulatedNetwork) -> (most: Double, all: Double) {
    let moments = network.told.compactMap { $0 }.sorted()
    let live = network.hosts.count { $0.canBeTold }
    func moment(_ share: Double) -> Double {
      let index = max(Int(Double(live) * share) - 1, 0)
      return index < moments.count ? Double(moments[index]) / 1_000_000 : .infinity
    }
    let extra = network.hosts.reduce(0) { $0 + $1.heard.reduce(0) { $0 + max($1 - 1, 0) } }
    let datagrams = network.hosts.reduce(0) { $0 + $1.datagrams }
    print(
      "\(name): 95 % told after \(moment(0.95)) s, 100 % after \(moment(1)) s; \(extra) notices more than needed, "
        + "\(datagrams) datagrams, window \(network.schedule.pace.window)")
    return (moment(0.95), moment(1))
  }

  @Test(
    "B2 a thousand clients behind a network that loses 30 % are told within the grace period",
    arguments: [false, true])
  func lossy(bothWays: Bool) throws {
    // A question and its answer: 30 % of the pairs, or 30 % of each.
    let faults = SimulatedNetwork.Faults(loss: bothWays ? 0.3 : 1 - 0.7.squareRoot(), delay: 100...5_000)
    var network = try crowd(1_000, faults: faults)
    network.play()
    #expect(network.wrongs == [])
    let moments = report("1,000 clients, 30 % of \(bothWays ? "datagrams" : "questions") lost", network)
    #expect(moments.all < 40)
  }

  private func told(_ name: String, within seconds: Double, _ network: SimulatedNetwork) {
    var network = network
    network.play()
    #expect(network.wrongs == [])
    #expect(report(name, network).all < seconds)
  }

  @Test("B2 dead clients that come first do not hold up the living")
  func deadFirst() throws {
    // Nobody has answered yet, so that the first wait is the longest: half a second for each 256.
    try told(
      "6,000 clients, 2,000 dead ones first", within: 5, crowd(6_000, dead: { $0 < 2_000 }, faults: .init()))
  }

  @Test("B2 dead clients do not hold up those who answer over TCP alone")
  func deadAmongThoseOverTCP() throws {
    var network = try crowd(5_000, dead: { $0.isMultiple(of: 5) }, faults: .init())
    for index in network.hosts.indices where index % 10 < 3 { network.hosts[index].dropsDatagrams = true }
    told("5,000 clients, a third over TCP alone, 1,000 dead", within: 12, network)
  }

  @Test("B2 a way that is longer than the first wait is learnt, and not taken for loss")
  func farAway() throws {
    try told("3,000 clients 850 ms away", within: 15, crowd(3_000, faults: .init(delay: 400_000...450_000)))
  }

  @Test("B2 status monitors that think for 5 s are told all at once, each a few times")
  func slowStatusMonitors() throws {
    var network = try crowd(2_000, faults: .init(delay: 100...5_000))
    for index in network.hosts.indices { network.hosts[index].thinks = 5_000_000 }
    network.play()
    #expect(network.wrongs == [])
    #expect(report("2,000 clients that think for 5 s", network).all < 12)
    #expect(network.hosts.allSatisfy { $0.heard[0] <= 8 })
  }

  @Test("B2 a narrow link is filled and does not collapse")
  func narrowLink() throws {
    let faults = SimulatedNetwork.Faults(delay: 100...5_000, datagramsPerSecond: 5_000)
    try told("10,000 clients behind 5,000 datagrams a second", within: 12, crowd(10_000, faults: faults))
  }

  @Test("B2 an hour with dead clients: nothing grows, nothing is forgotten")
  func hour() throws {
    var network = try crowd(
      2_000, dead: { $0.isMultiple(of: 20) }, names: 3, faults: .init(loss: 0.1, delay: 100...5_000),
      limit: .seconds(3_600))
    network.play()
    #expect(network.wrongs == [])
    let moments = report("2,000 clients, 5 % dead, an hour", network)
    #expect(moments.all < 20)
    #expect(network.now >= 3_600 * Self.second)
    #expect(network.schedule.pace.outstanding <= 100)
    #expect(network.mostWaiting <= 3 * 2_000)
    #expect(network.schedule.due.count <= 2 * 100)
    #expect(network.schedule.retries.count <= 3_000)
    #expect(network.ticks < 100_000)
  }
}
