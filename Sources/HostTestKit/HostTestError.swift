/// What went wrong with a test host, in words for the one who runs the test.
public struct HostTestError: Error, Sendable, CustomStringConvertible {
  /// What happened, with the program's own words where it said any.
  public let message: String

  /// An error with its message.
  public init(_ message: String) { self.message = message }

  /// What is printed.
  public var description: String { message }
}
