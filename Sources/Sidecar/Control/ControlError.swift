/// Why the daemon did not do what was asked.
public struct ControlError: Error, Codable, Sendable, Equatable, CustomStringConvertible {
  /// What kind of refusal; each has its documented exit status. The numbers are Pacemaker's where it has one.
  public enum Code: Int, Codable, Sendable {
    /// Something else.
    case failed = 1
    /// What was asked makes no sense as written.
    case badRequest = 65
    /// The store does not answer.
    case storeUnavailable = 69
    /// No such service, node or request.
    case noSuchObject = 105
    /// Could lose locks or serve twice; `--force` is needed.
    case unsafe = 107
    /// There is one already, or no room for another.
    case exists = 108
    /// No answer in time: it may or may not have happened.
    case indeterminate = 112
    /// Something that must hold does not.
    case preconditionFailed = 113
  }

  /// The kind.
  public var code: Code
  /// What happened and what to do next.
  public var message: String

  /// A refusal with what the operator should read.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
