import Cluster

/// How plans and their steps have ended on this node since the daemon began.
struct PlanCounts: Sendable {
  private var ended: [[String]: Int] = [:]
  private var steps: [[String]: NodeStatus.StepCount] = [:]

  /// A plan has ended.
  mutating func onEnd(_ kind: Plan.Kind, _ outcome: PlanOutcome) {
    ended[[kind.rawValue, outcome.word], default: 0] += 1
  }

  /// A step was run once.
  mutating func onStep(_ kind: Plan.Kind, _ step: PlanStep.Kind, took: Duration, failed: Bool) {
    let key = [kind.rawValue, step.rawValue]
    var count = steps[key] ?? NodeStatus.StepCount(plan: kind.rawValue, step: step.rawValue)
    count.count += 1
    count.failures += failed ? 1 : 0
    count.milliseconds += took.wholeMilliseconds
    steps[key] = count
  }

  var plans: [NodeStatus.PlanCount] {
    ended.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map {
      NodeStatus.PlanCount(plan: $0.key[0], outcome: $0.key[1], count: $0.value)
    }
  }

  var stepCounts: [NodeStatus.StepCount] {
    steps.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value)
  }
}

extension PlanOutcome {
  /// As `lockferry status -o json` and metrics call it.
  fileprivate var word: String {
    switch self {
    case .done: "done"
    case .gaveUp: "gave_up"
    case .handOn: "handed_on"
    case .beginAnew: "began_anew"
    case .lost: "lost"
    case .stopped: "stopped"
    }
  }
}
