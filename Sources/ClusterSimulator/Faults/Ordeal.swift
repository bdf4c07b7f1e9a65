import Cluster

/// Faults at random, then calm.
struct Ordeal {
  var world: SimulatedWorld
  let nodes: [NodeName]

  init(seed: Int) {
    var numbers = SeededNumbers(seed: seed &+ 77_000_000)
    nodes = ["a", "b", "c"].prefix(numbers.chance(40) ? 2 : 3).compactMap(NodeName.init)
    let hasFence = numbers.chance(40)
    var services: [ServiceDefinition] = []
    for (name, candidates) in [("home", nodes), ("logs", nodes.reversed())] {
      guard let name = ServiceName(name), let home = candidates.first else { continue }
      guard services.isEmpty || numbers.chance(30) else { break }
      services.append(
        ServiceDefinition(
          name: name, home: home, candidates: candidates, hasFence: hasFence, attachesStorage: true,
          detachesStorage: true, recoversServer: true, withdrawsServer: true))
    }
    var timings = BeatTimings(daemonStopGrace: .seconds(3))
    if numbers.chance(30) {
      timings.margin = .zero
      timings.stopTime = numbers.milliseconds(200...1500)
      timings.lease = timings.smallestLease
    }
    world = SimulatedWorld(seed: seed, nodes: nodes, services: services, timings: timings)
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
    guard world.store.requests[service] == nil else { return }
    let owner = world.store.ownership(service)?.node
    var order = ServiceRequest(
      id: "m-\(world.now)", .migrate(to: target), isForced: world.numbers.chance(50), actor: "root",
      because: "at random", askedAt: "")
    // An operator confirms only what is so, and keeps it so.
    if order.isForced, let owner, owner != target, world.machines[owner]?.isOn == false {
      order.fenceConfirmed = true
      world.keptOff[owner] = service
    }
    world.note(
      "an order to \(target)\(order.isForced ? ", forced" : "")\(order.fenceConfirmed ? ", off" : "")")
    world.store.ask(order, service)
  }

  /// A confirmed order that is gone lets its machine go on.
  private mutating func letGo() {
    for (node, service) in world.keptOff where world.store.queue(service).first?.fenceConfirmed != true {
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
    if world.machines[owner.node]?.instance?.isServing(service) != true {
      world.violations.append("\(owner.node) does not know that it serves \(service)")
    }
    if let request = world.store.queue(service).first {
      world.violations.append("\(service): \(request.id), \(request.action), has not ended")
    }
  }
}
