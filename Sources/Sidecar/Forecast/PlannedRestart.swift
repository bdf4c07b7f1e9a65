import Cluster

/// What the step `server` of an adoption does where lockferry restarts something, as `--dry-run` shows it.
struct PlannedRestart {
  private let restart: NodeRestart
  private let node: String
  private let procedure: RestartProcedure

  /// As `facts` of `node` decide it.
  init(_ restart: NodeRestart, on node: String, _ facts: RecoveryFacts) {
    (self.restart, self.node) = (restart, node)
    procedure = restart.procedure(on: facts)
  }

  /// Lines below the step on whatever node; only a node itself knows how.
  func lines(on other: String) -> [RequestStatus.PlannedStep] {
    func line(_ step: String, _ detail: String, _ state: String = "planned") -> RequestStatus.PlannedStep {
      RequestStatus.PlannedStep(
        node: other, step: "server: \(step)", detail: detail, state: state, milliseconds: nil)
    }
    guard other == node else {
      return [line(restart.rawValue, "how, \(other) decides: ask its daemon with --dry-run")]
    }
    guard procedure.refusals.isEmpty else {
      return procedure.refusals.map { line(restart.rawValue, $0, "failed") }
    }
    return procedure.actions.map { line($0.kind.rawValue, $0.why) }
  }
}
