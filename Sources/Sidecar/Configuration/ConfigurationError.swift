/// Everything that is wrong with a node file, in the order of the file.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: Sendable, Equatable {
    /// The file could be read but says something that can't be.
    case invalid
    /// There is no such file, or it isn't a readable regular file.
    case unreadable
    /// The file is there, but this user may not read it.
    case permissionDenied
  }

  /// One thing that is wrong.
  public struct Problem: Sendable, Hashable, Comparable {
    /// From 1; 0 where the file as a whole is meant.
    public var line: Int
    /// From 1, counted in Unicode scalars; 0 where the file as a whole is meant.
    public var column: Int
    /// What is wrong and what would be right.
    public var message: String

    /// By position.
    public static func < (left: Problem, right: Problem) -> Bool {
      (left.line, left.column, left.message) < (right.line, right.column, right.message)
    }
  }

  /// What kind of failure it is.
  public var code: Code
  /// The file's name as the operator gave it.
  public var file: String
  /// Never empty.
  public var problems: [Problem]

  /// One line per problem: `file:line:column: message`.
  public var description: String {
    problems.map { problem in
      problem.line == 0
        ? "\(file): \(problem.message)" : "\(file):\(problem.line):\(problem.column): \(problem.message)"
    }.joined(separator: "\n")
  }
}
