/// How a child process ended, and what it said.
public struct CommandOutcome: Sendable, Equatable, CustomStringConvertible {
  /// How it ended.
  public enum Status: Sendable, Equatable {
    /// By itself, with this exit status.
    case exited(Int32)
    /// By this signal; `SIGTERM` also for one that was ended because its task was cancelled.
    case signalled(Int32)
    /// It was still running at its time limit and was ended (or hangs in the kernel and can't be ended).
    case timedOut
    /// It never ran, and why.
    case notStarted(String)
  }

  /// How it ended.
  public let status: Status
  /// What it wrote to standard output and standard error, the last 16 KiB, as UTF-8 (repaired where it isn't).
  public let output: String

  /// An outcome told by someone else.
  public init(status: Status, output: String) {
    self.status = status
    self.output = output
  }

  /// Exit status 0, and nothing else.
  public var succeeded: Bool { status == .exited(0) }

  /// What happened, in a few words, without the output.
  public var description: String {
    switch status {
    case .exited(let status): "exit status \(status)"
    case .signalled(let signal): "ended by signal \(signal)"
    case .timedOut: "not finished within its time limit"
    case .notStarted(let reason): "not started: \(reason)"
    }
  }
}
