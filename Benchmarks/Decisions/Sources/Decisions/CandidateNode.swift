import Cluster

/// A node among many, each of which is a candidate of every service; all are owned by the first one.
struct CandidateNode {
  private(set) var instance: NodeInstance
  private var owners: [ServiceName: [UInt8]] = [:]
  private let peers: [NodeName]
  private var now = BootInstant(sinceBoot: .seconds(100))
  private var beats: UInt64 = 0
  /// The first node does not beat any more.
  var isOwnerSilent = false

  /// - Parameter isOwner: it is the first one.
  init(nodes: Int, services: Int, isOwner: Bool) {
    let names = (0..<nodes).compactMap { NodeName("node\($0)") }
    let own = names[isOwner ? 0 : 1]
    peers = names.filter { $0 != own }
    let ownership = Ownership(node: names[0], epoch: 3, state: .online, boot: "boot")
    var definitions: [ServiceDefinition] = []
    for index in 0..<services {
      guard let name = ServiceName("service\(index)") else { continue }
      definitions.append(
        ServiceDefinition(name: name, home: names[0], candidates: names, hasFence: true))
      owners[name] = ownership.bytes
    }
    instance = NodeInstance(
      settings: .init(
        node: own, instance: DaemonInstance(place: "here", run: "1"), boot: "boot", timings: BeatTimings(),
        staleness: .zero, services: definitions), now: now)
    _ = instance.onHealth(.healthy, now: now)
    for _ in 0..<4 { _ = round() }
    for definition in definitions where isOwner {
      _ = instance.onPlanEnded(definition.name, .done(ownership), now: now)
    }
    _ = round()
  }

  /// One decision round: a tick, the answer to its beat, and a look at a store in which everybody has beaten again.
  ///
  /// - Returns: the processor time of the decisions, and how many claims they led to.
  mutating func round() -> (took: Duration, claims: Int) {
    now = now + .milliseconds(500)
    beats += 1
    var seen: [NodeName: [UInt8]] = [:]
    for (index, peer) in peers.enumerated() {
      let counter = isOwnerSilent && index == 0 ? 1 : beats
      seen[peer] =
        Beat(
          instance: DaemonInstance(place: peer.text, run: "1"), counter: counter, leaseMilliseconds: 4000
        ).bytes
    }
    let view = NodeView(startedAt: now, beats: seen, owners: owners)
    let began = ProcessorTime.now
    for case .renew(let renewal) in instance.onTick(now: now) {
      _ = instance.onRenewal(.renewed, of: renewal, sentAt: now, now: now)
    }
    let directives = instance.onLook(view, now: now)
    let took = ProcessorTime.now - began
    let claims = directives.count { if case .transition = $0 { true } else { false } }
    return (took, claims)
  }
}
