public import Cluster

/// Everything that makes a run: the same schedule gives the same run, event by event.
public struct Schedule: Sendable, Equatable {
  /// Where the random numbers of machines, clients and network begin.
  public var seed: Int
  /// What the run begins with.
  public var shape: ClusterShape
  /// When each machine is switched on, in true microseconds.
  public var powerOn: [NodeName: Int]
  /// What goes wrong, in the order of its time.
  public var faults: [Fault]
  /// Faults end here, in true microseconds.
  public var calmAt: Int

  /// The schedule of `seed`.
  public init(seed: Int) {
    var numbers = SeededNumbers(seed: seed &+ 41_000_000)
    self.seed = seed
    shape = ClusterShape(seed: seed)
    powerOn = [:]
    for node in shape.nodes { powerOn[node] = numbers.number(0...3_000_000) }
    calmAt = numbers.number(25...55) * 1_000_000
    faults = []
    // A run has a character of its own: a few kinds that come often.
    // Little holds after a restored store: few runs have one.
    let mayRestore = numbers.chance(8)
    let kinds = Fault.Kind.allCases.filter { shape.allows($0) && (mayRestore || $0 != .storeRestored) }
    let favourites = (0..<numbers.number(2...8)).map { _ in kinds[numbers.number(0...kinds.count - 1)] }
    var at = numbers.number(2...9) * 1_000_000
    let rhythm = numbers.number(800...6_000) * 1000
    while at < calmAt {
      let kind =
        numbers.chance(60)
        ? favourites[numbers.number(0...favourites.count - 1)] : kinds[numbers.number(0...kinds.count - 1)]
      let isOwnersTurn = numbers.chance(50)
      faults.append(
        Fault(
          kind: kind, at: at, length: numbers.number(100...(numbers.chance(20) ? 20_000 : 7_000)) * 1000,
          node: isOwnersTurn ? shape.nodes[0] : shape.nodes[numbers.number(0...shape.nodes.count - 1)],
          service: shape.services[numbers.number(0...shape.services.count - 1)].name,
          client: shape.clients.isEmpty
            ? nil : shape.clients[numbers.number(0...shape.clients.count - 1)].name,
          amount: numbers.number(1...100)))
      if let fault = faults.last, kind.form.hasDaemon, !shape.watchdog.isEmpty {
        faults[faults.count - 1].daemon = shape.watchdog[fault.amount % shape.watchdog.count].name
      }
      at += numbers.number(100_000...rhythm)
    }
  }
}

extension ClusterShape {
  /// A kind of fault that this cluster can have.
  func allows(_ kind: Fault.Kind) -> Bool {
    switch kind {
    case .staleReads: staleness > .zero
    case .beatVanishes, .everyBeatVanishes, .callsTwice: store == .consensus
    case .calloutMissing: hasCallout
    case .daemonDies, .daemonStaysDead: !watchdog.isEmpty
    case .overload: overload != nil
    default: true
    }
  }

  /// Why it can't have it.
  func whyNot(_ kind: Fault.Kind) -> String {
    switch kind {
    case .daemonDies, .daemonStaysDead: "needs a daemon under `watchdog` in the node file"
    case .overload: "needs `overload` in the node file"
    case .staleReads: "needs `store_staleness` in the node file"
    default: "can't happen to such a store"
    }
  }
}
