/// Why an endpoint can't listen, and what to do.
public struct EndpointError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What happened, at which address or path, and what to do next.
  public var message: String

  /// An error with what the operator should read.
  public init(_ message: String) { self.message = message }

  /// ``message``.
  public var description: String { message }
}
