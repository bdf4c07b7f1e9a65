import Cluster

/// What the step `server` of an adoption does on a node, as `--dry-run` shows it.
struct PlannedServer {
  private let word: String
  private let node: String
  private let actions: [RestartProcedure.Action]
  private let refusals: [String]

  /// Something is restarted, as `facts` of `node` decide it.
  init(_ restart: NodeRestart, on node: String, _ facts: RecoveryFacts) {
    let procedure = restart.procedure(on: facts)
    (word, self.node, actions, refusals) = (
      restart.rawValue, node, procedure.actions, procedure.refusals
    )
  }

  /// The service has a server of its own, unless something on `node` stands against it.
  init(isolatedOn node: String, _ facts: IsolationFacts) {
    (word, self.node, actions, refusals) = ("isolated", node, [], facts.refusals)
  }

  /// Lines below the step on whatever node; only a node itself knows how.
  func lines(on other: String) -> [RequestStatus.PlannedStep] {
    func line(_ step: String, _ detail: String, _ state: String = "planned") -> RequestStatus.PlannedStep {
      RequestStatus.PlannedStep(
        node: other, step: "server: \(step)", detail: detail, state: state, milliseconds: nil)
    }
    guard other == node else {
      return [line(word, "how, \(other) decides: ask its daemon with --dry-run")]
    }
    guard refusals.isEmpty else { return refusals.map { line(word, $0, "failed") } }
    return actions.map { line($0.kind.rawValue, $0.why) }
  }
}
