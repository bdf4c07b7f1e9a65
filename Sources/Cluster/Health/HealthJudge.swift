/// Decides from rounds of probes whether this node is healthy.
///
/// A node starts unproven: its first round decides at once, so that nothing is adopted on the strength of a
/// probe that was never asked. Later it takes a number of failed rounds one after the other to become
/// unhealthy, and one good round to be healthy again.
public struct HealthJudge: Sendable {
  /// One probe's answer.
  public struct Answer: Sendable, Equatable {
    /// What was asked, for people.
    public var subject: String
    /// Why it failed; nil means well.
    public var problem: String?
    /// How long the answer took.
    public var took: Duration

    /// An answer.
    public init(subject: String, problem: String?, took: Duration) {
      self.subject = subject
      self.problem = problem
      self.took = took
    }
  }

  /// The judgement.
  public enum Verdict: Sendable, Equatable {
    /// No round has ended yet.
    case unproven
    /// Well.
    case healthy
    /// Not well, and why: one text per failed probe.
    case unhealthy([String])
  }

  private let limit: Int
  /// Failed rounds one after the other, per probe in the node file's order.
  public private(set) var failures: [Int]
  /// The last round.
  public private(set) var answers: [Answer] = []
  /// The judgement after the last round.
  public private(set) var verdict: Verdict

  /// - Parameters:
  ///   - probes: how many; none at all is healthy for ever.
  ///   - limit: this many failures one after the other count, 1 or more.
  public init(probes: Int, limit: Int) {
    self.limit = max(limit, 1)
    failures = Array(repeating: 0, count: probes)
    verdict = probes == 0 ? .healthy : .unproven
  }

  /// A round of probes ended; `round` has an answer per probe in the node file's order.
  public mutating func onRound(_ round: [Answer]) {
    guard round.count == failures.count, !round.isEmpty else { return }
    answers = round
    for (index, answer) in round.enumerated() {
      failures[index] = answer.problem == nil ? 0 : failures[index] + 1
    }
    let needed = verdict == .unproven ? 1 : limit
    let problems = zip(round, failures).compactMap { answer, failed -> String? in
      // The words stay the same from then on: a log has no new line for every round.
      let count = failed > limit ? "more than \(limit) times" : "\(failed) times"
      return failed >= needed ? answer.problem.map { "\(answer.subject): \($0) (\(count))" } : nil
    }
    if !problems.isEmpty {
      verdict = .unhealthy(problems)
    } else if failures.allSatisfy({ $0 == 0 }) || verdict == .unproven {
      verdict = .healthy
    }
  }
}
