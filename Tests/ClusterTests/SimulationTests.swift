import Glibc
import Testing

@testable import Cluster

/// Faults at random, then calm.
private struct Ordeal {
  var world: Simulation
  let nodes: [NodeName]

  init(seed: Int) {
    var numbers = SeededNumbers(seed: seed &+ 77_000_000)
    nodes = numbers.chance(40) ? ["a", "b"] : ["a", "b", "c"]
    let hasFence = numbers.chance(40)
    var services: [ServiceDefinition] = [.named("home", candidates: nodes, hasFence: hasFence)]
    if numbers.chance(30) {
      services.append(.named("logs", home: "b", candidates: nodes.reversed(), hasFence: hasFence))
    }
    var timings = BeatTimings(daemonStopGrace: .seconds(3))
    if numbers.chance(30) {
      timings.margin = .zero
      timings.stopTime = numbers.milliseconds(200...1500)
      timings.lease = timings.smallestLease
    }
    world = Simulation(seed: seed, nodes: nodes, services: services, timings: timings)
    for node in nodes {
      world.schedule(after: world.numbers.number(0...3_000_000)) { $0.powerOn(node) }
    }
  }

  private mutating func fault() {
    let node = nodes[world.numbers.number(0...nodes.count - 1)]
    let length = world.numbers.number(100...9000) * 1000
    switch world.numbers.number(0...99) {
    case 0..<22:
      world.machines[node]?.isCut = true
      world.note("\(node) is cut for \(length / 1000) ms")
      world.schedule(after: length) { $0.machines[node]?.isCut = false }
    case 22..<28:
      for node in nodes { world.machines[node]?.isCut = true }
      world.note("all are cut for \(length / 1000) ms")
      world.schedule(after: length) { [nodes] world in
        for node in nodes { world.machines[node]?.isCut = false }
      }
    case 28..<38: world.pause(node, for: length)
    case 38..<48:
      world.powerOff(node)
      world.schedule(after: length) { $0.powerOn(node) }
    case 48..<60:
      guard world.machines[node]?.instance != nil else { return }
      world.note("\(node)'s daemon is killed")
      world.killDaemon(node)
      world.schedule(after: length) { $0.startDaemon(node) }
    case 60..<66: sayGoodbye(node, for: length)
    case 66..<80: setHealth(node, !(world.machines[node]?.isHealthy ?? true))
    default: order(node)
    }
  }

  private mutating func setHealth(_ node: NodeName, _ isHealthy: Bool) {
    world.note("\(node) is \(isHealthy ? "well" : "sick")")
    world.machines[node]?.isHealthy = isHealthy
    world.input(node, { $0.onHealth(isHealthy ? .healthy : .unhealthy(["sick"]), now: $1) })
  }

  private mutating func sayGoodbye(_ node: NodeName, for length: Int) {
    guard let last = world.machines[node]?.instance?.onStop() else { return }
    world.note("\(node)'s daemon is stopped")
    world.call(from: node, { $0.store.renew(node, last) }) { _, _ in }
    world.killDaemon(node)
    world.schedule(after: length) { $0.startDaemon(node) }
  }

  private mutating func order(_ target: NodeName) {
    let service = world.services[world.numbers.number(0...world.services.count - 1)].name
    guard world.store.order(service).map({ $0.problem != nil }) ?? true else { return }
    let owner = world.store.ownership(service)?.node
    var order = MigrationOrder.move(to: target, id: "m-\(world.now)", forced: world.numbers.chance(50))
    // An operator confirms only what is so, and keeps it so.
    if order.isForced, let owner, owner != target, world.machines[owner]?.isOn == false {
      order.fenceConfirmed = true
      world.keptOff[owner] = service
    }
    world.note(
      "an order to \(target)\(order.isForced ? ", forced" : "")\(order.fenceConfirmed ? ", off" : "")")
    world.store.orders[service] = order.bytes
  }

  /// A confirmed order that is gone lets its machine go on.
  private mutating func letGo() {
    for (node, service) in world.keptOff where world.store.order(service)?.fenceConfirmed != true {
      world.keptOff[node] = nil
      world.powerOn(node)
    }
  }

  mutating func run() {
    let faultsEnd = 40_000_000
    while world.now < faultsEnd, world.violations.isEmpty {
      world.run(until: world.now + world.numbers.number(200...3000) * 1000)
      world.checkHolders()
      letGo()
      fault()
    }
    guard world.violations.isEmpty else { return }
    world.note("calm")
    world.isCalm = true
    // Confirmed orders are answered before anybody comes back.
    for _ in 0..<30 where !world.keptOff.isEmpty {
      for node in nodes { world.machines[node]?.isCut = false }
      for node in nodes where world.machines[node]?.isHealthy == false { setHealth(node, true) }
      for node in nodes where world.keptOff[node] == nil { world.powerOn(node) }
      world.run(until: world.now + 1_000_000)
      letGo()
    }
    world.keptOff = [:]
    for node in nodes { world.machines[node]?.isCut = false }
    for node in nodes where world.machines[node]?.isHealthy == false { setHealth(node, true) }
    for node in nodes {
      world.powerOn(node)
      world.startDaemon(node)
    }
    world.run(until: world.now + 45_000_000)
    guard world.violations.isEmpty else { return }
    world.checkEpochs()
    for service in world.services { checkIsServed(service.name) }
  }

  /// In the end every service is served by its owner, and by nobody else.
  private mutating func checkIsServed(_ service: ServiceName) {
    let holders = nodes.filter { world.machines[$0]?.holds.contains(service) == true }
    let owner = world.store.ownership(service)
    guard let owner, owner.state == .online, holders == [owner.node] else {
      return world.violations.append("\(service) belongs to \(String(describing: owner)), \(holders) hold it")
    }
    if world.machines[owner.node]?.instance?.services[service]?.activity != .serving {
      world.violations.append("\(owner.node) does not know that it serves \(service)")
    }
    if let order = world.store.order(service), order.problem == nil {
      world.violations.append("\(service): the order \(order.id) to \(order.to) is not answered")
    }
  }
}

@Suite("Several nodes, bad clocks and a bad network, from a seed (B5, C4, C7, M8, M10)")
struct SimulationTests {
  /// More seeds by `LOCKFERRY_SEEDS=10000`, one by `LOCKFERRY_SEED=7`.
  private static func number(_ variable: String) -> Int? {
    getenv(variable).flatMap { Int(String(cString: $0)) }
  }

  static let seeds = number("LOCKFERRY_SEEDS") ?? 200

  @Test("Never two who serve, epochs only grow, and everything is served in the end", arguments: 0..<4)
  func ordeal(part: Int) {
    var claims = 0
    var failures = 0
    for seed in 0..<Self.seeds where seed % 4 == part {
      if let only = Self.number("LOCKFERRY_SEED"), only != seed { continue }
      var ordeal = Ordeal(seed: seed)
      ordeal.run()
      claims += ordeal.world.claims
      guard !ordeal.world.violations.isEmpty else { continue }
      failures += 1
      let story = ordeal.world.trace.suffix(60).joined(separator: "\n")
      Issue.record("seed \(seed): \(ordeal.world.violations.joined(separator: "; "))\n\(story)")
      if failures == 3 { break }
    }
    // The ordeal is one: services do move.
    if Self.number("LOCKFERRY_SEED") == nil { #expect(claims > Self.seeds / 2) }
  }

  @Test func theSameSeedTellsTheSameStory() {
    var first = Ordeal(seed: 11)
    var second = Ordeal(seed: 11)
    first.run()
    second.run()
    #expect(first.world.trace == second.world.trace)
    #expect(!first.world.trace.isEmpty)
  }
}
