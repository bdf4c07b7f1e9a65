import Cluster

/// What the step `server` of an adoption does on a node, as `--dry-run` shows it.
struct PlannedServer {
  private let word: String
  private let node: String
  private let actions: [RecoveryProcedure.Action]
  private let refusals: [String]

  /// What `recovery.server: word` comes to on `node`, where lockferry does it to that node's own server.
  init(_ word: String, on node: String, _ procedure: RecoveryProcedure) {
    (self.word, self.node, actions, refusals) = (word, node, procedure.actions, procedure.refusals)
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
