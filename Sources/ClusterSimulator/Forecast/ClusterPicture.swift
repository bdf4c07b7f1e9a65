public import Cluster

/// A cluster as one of its nodes sees it: where a forecast of a request begins.
public struct ClusterPicture: Sendable, Equatable {
  /// Nodes, services and timings; clients are of no matter.
  public var shape: ClusterShape
  /// The owner keys; services that were never owned are not there.
  public var owners: [ServiceName: Ownership] = [:]
  /// What is asked already.
  public var requests: [ServiceName: RequestQueue] = [:]
  /// Who is drained.
  public var drains: [NodeName: OperatorMark] = [:]
  /// Who has paused the cluster; nil where it is not paused.
  public var pause: OperatorMark?
  /// Who does not beat.
  public var silent: Set<NodeName> = []

  /// Everything beats, nothing is owned.
  public init(shape: ClusterShape) {
    self.shape = shape
  }

  /// `node` could not take `service` now, and says why.
  public mutating func refuse(_ service: ServiceName, on node: NodeName, because reasons: [String]) {
    shape.checkProblems[node, default: [:]][service] = reasons
    for index in shape.services.indices where shape.services[index].name == service {
      shape.services[index].hasChecks = true
    }
  }
}

extension Forecast {
  /// Nobody waits longer for an answer to "what would happen".
  public static let longest = Duration.seconds(600)

  /// What follows from `request` of `service`, until it has ended; times count from when it is asked.
  ///
  /// Where it would still wait after ``longest``, ``pending`` says so.
  public static func of(
    _ request: ServiceRequest, for service: ServiceName, in picture: ClusterPicture
  ) -> Forecast {
    var world = SimulatedWorld(picture)
    world.store.ask(request, service)
    world.play { world in world.store.queue(service).requests.allSatisfy { $0.id != request.id } }
    return world.forecast()
  }

  /// What follows from draining `node`, until nothing is left that could leave it.
  public static func ofDraining(_ node: NodeName, _ mark: OperatorMark, in picture: ClusterPicture)
    -> Forecast
  {
    var world = SimulatedWorld(picture)
    world.store.drains[node] = mark.bytes
    world.play { world in
      let instances = world.shape.nodes.compactMap { world.machines[$0]?.instance }
      return !instances.isEmpty
        && instances.allSatisfy { instance in
          instance.drain(of: node) != nil && instance.serviceInMotion == nil
            && instance.drainMoves(of: node).allSatisfy { $0.to == nil }
        }
    }
    return world.forecast()
  }
}

extension SimulatedWorld {
  /// The cluster of `picture`, at work: while its daemons find together the cluster is paused, so that nothing happens
  /// before it is asked for.
  fileprivate init(_ picture: ClusterPicture) {
    self.init(seed: 1, shape: picture.shape)
    chronicle = Chronicle()
    store.pause = OperatorMark(actor: "nobody", because: "the forecast begins", since: "").bytes
    store.drains = picture.drains.mapValues(\.bytes)
    for (service, ownership) in picture.owners where ownership.state != .released {
      var settled = ownership
      // What is on its way is taken to arrive.
      if ownership.state.isOwned { settled.state = .online }
      settled.boot = "\(ownership.node)-1"
      store.owners[service] = settled.bytes
    }
    for node in picture.silent {
      store.beats[node] =
        Beat(
          instance: DaemonInstance(place: "\(node)/0", run: "0"), counter: 1,
          leaseMilliseconds: timings.lease.wholeMilliseconds
        ).bytes
    }
    for node in shape.nodes where !picture.silent.contains(node) { schedule(after: 0) { $0.powerOn(node) } }
    watch()
    let settled = (timings.lease + timings.storeTimeout * 2 + shape.staleness).wholeMicroseconds
    run(until: settled)
    store.pause = picture.pause?.bytes
    for (service, ownership) in picture.owners where ownership.state == .released {
      store.owners[service] = ownership.bytes
    }
    for (service, queue) in picture.requests { store.requests[service] = queue.bytes }
    chronicle?.origin = now
    observe()
  }

  /// Until `isOver`, or for ``Forecast/longest``; a moment more, so that everybody knows.
  fileprivate mutating func play(_ isOver: (SimulatedWorld) -> Bool) {
    let end = now + Forecast.longest.wholeMicroseconds
    repeat { run(until: now + 500_000) } while !isOver(self) && now < end && ledger.violation == nil
    let isPending = !isOver(self)
    chronicle?.isPending = isPending
    run(until: now + 500_000)
  }
}
