/// One metric of `/metrics`: what it is called, what it counts, and where in the node's status its values stand.
///
/// Nothing is counted for metrics alone: what they show, `lockferry status -o json` shows as well.
struct MetricFamily: Sendable {
  /// As in Prometheus' text format, version 0.0.4.
  enum Kind: String, Sendable {
    /// Goes up and down.
    case gauge
    /// Only grows, until the daemon starts anew.
    case counter
    /// Counts by upper bounds, with a sum.
    case histogram
    /// A count and a sum.
    case summary
  }

  /// One value.
  struct Sample: Sendable, Equatable {
    /// What follows the family's name: `_sum`, `_count` or `_bucket`; empty where it has one value.
    var suffix = ""
    /// The labels' values, in the family's order; of a bucket one more, its bound.
    var labels: [String]
    var value: MetricValue

    init(_ labels: [String], _ value: MetricValue, suffix: String = "") {
      self.labels = labels
      self.value = value
      self.suffix = suffix
    }
  }

  /// Begins with `lockferry_`; counters end with `_total`, durations with `_seconds`.
  let name: String
  let kind: Kind
  /// What its value says, in a sentence.
  let help: String
  let labels: [String]
  /// What the status says of it; empty where there is nothing to be said.
  let samples: @Sendable (NodeStatus) -> [Sample]

  init(
    _ name: String, _ kind: Kind, _ help: String, labels: [String] = [],
    _ samples: @escaping @Sendable (NodeStatus) -> [Sample]
  ) {
    self.name = "lockferry_" + name
    self.kind = kind
    self.help = help
    self.labels = labels
    self.samples = samples
  }

  /// A metric with one value.
  static func one(
    _ name: String, _ kind: Kind, _ help: String, _ value: @escaping @Sendable (NodeStatus) -> MetricValue?
  ) -> MetricFamily {
    MetricFamily(name, kind, help) { status in value(status).map { [Sample([], $0)] } ?? [] }
  }

  /// A metric with a value for each service.
  static func service(
    _ name: String, _ kind: Kind, _ help: String,
    _ value: @escaping @Sendable (NodeStatus.Service) -> MetricValue?
  ) -> MetricFamily {
    MetricFamily(name, kind, help, labels: ["service"]) { status in
      status.services.compactMap { service in value(service).map { Sample([service.service], $0) } }
    }
  }

  /// A metric with a value for each other node.
  static func peer(
    _ name: String, _ help: String, _ value: @escaping @Sendable (NodeStatus.Peer) -> MetricValue?
  ) -> MetricFamily {
    MetricFamily(name, .gauge, help, labels: ["peer"]) { status in
      status.peers.compactMap { peer in value(peer).map { Sample([peer.node], $0) } }
    }
  }

  /// 1 for what is, 0 for everything else that could be.
  static func states(_ all: [String], is current: String, of labels: [String] = []) -> [Sample] {
    all.map { Sample(labels + [$0], .flag($0 == current)) }
  }

  /// Everything that is exported, each once.
  static let all = node + store + peers + plans + services + records
}

/// A metric's value.
enum MetricValue: Sendable, Equatable {
  case count(Int)
  /// 1 or 0.
  case flag(Bool)
  case milliseconds(Int)
  case microseconds(Int)

  /// Durations are in seconds.
  var text: String {
    switch self {
    case .count(let number): String(number)
    case .flag(let isOn): isOn ? "1" : "0"
    case .milliseconds(let number): String(Double(number) / 1000)
    case .microseconds(let number): String(Double(number) / 1_000_000)
    }
  }
}
