/// Notices that many nodes fall silent at once: that is the store's trouble, or the network's, and not everybody's
/// death (leases can vanish for everybody, failover-rules lesson 4).
struct StormGuard: Sendable {
  private let window: Duration
  private var diedAt: [NodeName: BootInstant] = [:]
  private var living: Set<NodeName> = []
  /// Those that fell silent together, and when that was noticed.
  private var caught: [NodeName: BootInstant] = [:]

  init(timings: BeatTimings) {
    // Beats that stop at one moment are missed in looks that are an interval apart, each from its own last beat on.
    window = timings.interval * 3
  }

  mutating func onLook(_ verdicts: [NodeName: BeatDetector.Verdict], now: BootInstant) {
    for (node, verdict) in verdicts {
      switch verdict {
      case .alive, .late:
        living.insert(node)
        diedAt[node] = nil
        caught[node] = nil
      case .dead where living.remove(node) != nil: diedAt[node] = now
      case .dead, .stopped, .unknown: break
      }
    }
    let together = diedAt.filter { now - $0.value <= window }.keys
    guard together.count >= 2, together.count * 2 >= together.count + living.count else { return }
    for node in together where caught[node] == nil { caught[node] = now }
  }

  /// When it was noticed that `node` fell silent together with others; nil where it did so alone.
  func noticed(_ node: NodeName) -> BootInstant? { caught[node] }
}
