public import Cluster
public import StatusMonitor

/// What a run begins with: nodes, services, clients, timings, and what kind of store and kernel they have.
public struct ClusterShape: Sendable, Equatable {
  /// How the store answers.
  public enum StoreKind: String, Sendable, Equatable {
    /// A folder that all machines mount: transactions by a lock, values that a cache may hold for a while.
    case directory
    /// A consensus store: reads are never stale, beats hang on leases of the store's own.
    case consensus
  }

  /// A machine's clock, as it runs beside true time.
  public struct Clock: Sendable, Equatable {
    /// Own microseconds per million true ones: at most one in 200 off, so that two differ by 1 in 100 at most.
    public var rate: Int
    /// Own microseconds at the true beginning.
    public var offset: Int
  }

  /// An NFS client.
  public struct Client: Sendable, Equatable {
    /// The name of its record.
    public var name: ClientName
    /// The service whose files it locks.
    public var service: ServiceName
  }

  /// The machines, in the order of their names.
  public var nodes: [NodeName]
  /// The services.
  public var services: [ServiceDefinition]
  /// The clients.
  public var clients: [Client]
  /// Beats and lease.
  public var timings: BeatTimings
  /// When the mirror deletes.
  public var mirror: MirrorTimings
  /// When a candidate lets another one try, and when nobody adopts any more without an operator.
  public var adoption: AdoptionPolicy
  /// How long the store may show an old value, as the nodes were told.
  public var staleness: Duration
  /// The store.
  public var store: StoreKind
  /// Each machine's clock.
  public var clocks: [NodeName: Clock]
  /// statd calls out and waits, so that a lock is granted when its record is durable.
  public var hasCallout: Bool
  /// A stopping NFS server unmonitors every client, as Linux 6.4 and later do.
  public var unmonitorsOnStop: Bool
  /// Every read of every node comes from its file system's cache, as long as faults last.
  public var readsAreCached = false
  /// Clients come and go so often that records leave the store in every minute.
  public var areClientsRestless = false
  /// Files of each service that clients lock.
  public var files: Int
  /// A daemon of every machine that is restarted once when it is dead.
  public struct Watched: Sendable, Equatable {
    /// What it is to the services.
    public enum Role: Sendable, Equatable {
      /// The NFS server: without it nothing is served, and its restart costs the kernel's locks.
      case server
      /// rpc.statd.
      case statusMonitor
      /// Nothing that is modelled.
      case other
    }

    /// As the node file calls it.
    public var name: String
    /// What it is to the services.
    public var role: Role
    /// How patient its watchdog is.
    public var settings: DaemonWatchdog.Settings

    /// A daemon.
    public init(name: String, role: Role, settings: DaemonWatchdog.Settings = .init()) {
      self.name = name
      self.role = role
      self.settings = settings
    }
  }

  /// When a node counts as overloaded.
  public struct Overload: Sendable, Equatable {
    /// How long it has to last, and to be over.
    public var hold: Duration
    /// Between two samples.
    public var interval: Duration
    /// How long its report counts.
    public var reportLasts: Duration

    /// A rule.
    public init(hold: Duration, interval: Duration, reportLasts: Duration) {
      self.hold = hold
      self.interval = interval
      self.reportLasts = reportLasts
    }
  }

  /// What a node bids in votes, where that is not the usual.
  public var priorities: [NodeName: [ServiceName: Int]] = [:]
  /// The daemons that are watched.
  public var watchdog: [Watched] = []
  /// When a node counts as overloaded; nil: never.
  public var overload: Overload?
  /// Nodes report on themselves.
  var watchesDaemons: Bool { !watchdog.isEmpty || overload != nil }
  /// Between two rounds of health probes.
  public var probeInterval = Duration.seconds(1)
  /// So many failed rounds make a node unhealthy; nil where nothing is probed.
  public var probeFailures: Int? = 2
  /// Of these nobody but the store can say whether a silent owner serves them.
  public var unwitnessed: Set<ServiceName> = []
  /// What the operator's checks find, where they find something.
  public var checkProblems: [NodeName: [ServiceName: [String]]] = [:]

  /// The cluster of `seed`.
  public init(seed: Int) {
    var numbers = SeededNumbers(seed: seed &+ 77_000_000)
    nodes = ["a", "b", "c", "d", "e"].prefix(numbers.chance(30) ? 2 : numbers.chance(85) ? 3 : 5)
      .compactMap(NodeName.init)
    let hasFence = numbers.chance(40)
    services = []
    for (name, candidates) in [("home", nodes), ("logs", nodes.reversed())] {
      guard let name = ServiceName(name), let home = candidates.first else { continue }
      guard services.isEmpty || numbers.chance(35) else { break }
      services.append(
        ServiceDefinition(
          name: name, home: home, candidates: candidates, hasFence: hasFence, attachesStorage: true,
          detachesStorage: true, recoversServer: true, withdrawsServer: true))
    }
    clients = []
    for index in 0..<numbers.number(1...6) {
      guard let name = try? ClientName("client\(index)") else { continue }
      let service = services[numbers.number(0...services.count - 1)].name
      clients.append(Client(name: name, service: service))
    }
    timings = BeatTimings(daemonStopGrace: .seconds(3))
    if numbers.chance(30) {
      timings.margin = .zero
      timings.stopTime = numbers.milliseconds(200...1500)
      timings.lease = timings.smallestLease
    }
    adoption = AdoptionPolicy(
      tries: 2, time: .seconds(6), rest: .seconds(9),
      flap: numbers.chance(40) ? FlapLimit(adoptions: 3, window: .seconds(3600)) : nil)
    store = numbers.chance(70) ? .directory : .consensus
    staleness = store == .directory && numbers.chance(30) ? numbers.milliseconds(500...4000) : .zero
    // Shorter than in life, so that a minute has room for departures; in the same proportions.
    mirror = MirrorTimings(
      gracePeriod: .seconds(8), departureDelay: .seconds(14), burst: 3, burstWindow: .seconds(10),
      rescan: .seconds(12))
    clocks = [:]
    for node in nodes {
      clocks[node] = Clock(
        rate: 1_000_000 + numbers.number(-4900...4900), offset: numbers.number(0...1_000_000_000))
    }
    hasCallout = numbers.chance(65)
    unmonitorsOnStop = numbers.chance(60)
    files = numbers.number(1...3)
    // Drawn last: the shapes of seeds do not change otherwise.
    if numbers.chance(40) {
      for index in services.indices where index == 0 || numbers.chance(50) {
        services[index].election = .vote
      }
      for node in nodes where numbers.chance(50) {
        let priority = numbers.number(0...3) * 50
        for service in services { priorities[node, default: [:]][service.name] = priority }
      }
    }
    if numbers.chance(25) {
      let settings = DaemonWatchdog.Settings(failures: 2, within: .seconds(3), quiet: .seconds(12))
      for (name, role) in [("statd", Watched.Role.statusMonitor), ("nfsd", .server), ("mountd", .other)]
      where numbers.chance(60) {
        watchdog.append(Watched(name: name, role: role, settings: settings))
      }
    }
    if numbers.chance(15) {
      overload = Overload(hold: .seconds(2), interval: .seconds(1), reportLasts: .seconds(6))
      adoption.reliefPause = .seconds(2)
    }
    areClientsRestless = numbers.chance(35)
    if areClientsRestless {
      mirror = MirrorTimings(
        gracePeriod: .seconds(8), departureDelay: .seconds(9), burst: 3, burstWindow: .seconds(4),
        rescan: .seconds(6))
    }
    readsAreCached = staleness > .zero && numbers.chance(50)
  }
}

#if PLANTED_BUGS
  extension Schedule {
    /// The same with a mistake planted in every daemon.
    func planted(_ bug: PlantedBug) -> Schedule {
      var schedule = self
      schedule.shape.timings.planted = bug
      schedule.shape.mirror.planted = bug
      return schedule
    }
  }
#endif
