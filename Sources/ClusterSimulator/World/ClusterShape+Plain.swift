import Cluster
import StatusMonitor

extension ClusterShape {
  /// A cluster without nodes, whose clocks run like true time: the beginning of one that somebody describes.
  public static var plain: ClusterShape { ClusterShape() }

  private init() {
    nodes = []
    services = []
    clients = []
    timings = BeatTimings()
    mirror = MirrorTimings()
    adoption = AdoptionPolicy()
    staleness = .zero
    store = .directory
    clocks = [:]
    hasCallout = true
    unmonitorsOnStop = true
    files = 3
  }

  /// A service with its candidates, the first of them its home; the word `fence` gives it a fence.
  public mutating func addService(_ name: String, _ words: [String]) {
    let candidates = words.filter { $0 != "fence" }.compactMap(NodeName.init)
    guard let name = ServiceName(name), let home = candidates.first else { return }
    services.append(
      ServiceDefinition(
        name: name, home: home, candidates: candidates, hasFence: words.contains("fence"),
        attachesStorage: true,
        detachesStorage: true, recoversServer: true, withdrawsServer: true))
  }

  /// Clients of every service.
  public mutating func addClients(_ number: Int) {
    for service in services {
      for index in 1...max(number, 1) where number > 0 {
        guard let name = try? ClientName("\(service.name)-client\(index)") else { continue }
        clients.append(Client(name: name, service: service.name))
      }
    }
  }
}

extension Schedule {
  /// A run of `shape` without faults, which become calm at `until`; the machines are switched on at once.
  public init(shape: ClusterShape, until: Duration, seed: Int = 1) {
    self.seed = seed
    self.shape = shape
    powerOn = [:]
    faults = []
    calmAt = until.wholeMicroseconds
  }
}
