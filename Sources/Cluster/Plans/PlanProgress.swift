/// How far a plan is: which step is next, and what to do when one fails.
///
/// The shell runs ``next``, journals its end, and only then tells it here: what is journaled is done.
public struct PlanProgress: Sendable, Equatable {
  /// What follows a failed step.
  public enum FailureDirective: Sendable, Equatable {
    /// Run the same step again after `delay`.
    case retry(after: Duration)
    /// The plan has failed. A release that has failed is undone by adopting the service again.
    case giveUp
  }

  /// The plan.
  public let plan: Plan
  /// How many of its steps are behind.
  public private(set) var done: Int
  /// Failures of the step that is next, one after the other.
  public private(set) var failures = 0

  /// A plan of which the first `done` steps are journaled.
  public init(plan: Plan, done: Int = 0) {
    self.plan = plan
    self.done = min(max(done, 0), plan.steps.count)
  }

  /// The step to run now; nil at the end.
  public var next: PlanStep? {
    done < plan.steps.count ? plan.steps[done] : nil
  }

  /// The step that was ``next`` is journaled as done or skipped.
  public mutating func onStepDone() {
    guard done < plan.steps.count else { return }
    done += 1
    failures = 0
  }

  /// The step that is ``next`` failed.
  ///
  /// An adoption never goes on past a failed step and never gives up by itself: nobody else serves the
  /// service, so the longest pause is short (whether another candidate shall try, ``NodeInstance`` decides). A
  /// release gives up after three tries, since the service can still be served here; after a failed adoption it
  /// can't.
  public mutating func onStepFailed() -> FailureDirective {
    failures += 1
    if plan.kind == .release, plan.isHandOn != true, failures >= 3, next?.kind != .finish { return .giveUp }
    return .retry(after: .milliseconds(250) * (1 << min(failures - 1, 5)))
  }
}
