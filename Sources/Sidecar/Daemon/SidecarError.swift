/// Why the daemon does not run.
public struct SidecarError: Error, Sendable, CustomStringConvertible {
  /// What kind of reason; more kinds may come.
  public struct Code: Hashable, Sendable {
    private enum Kind { case alreadyRunning, nameTaken, failed }
    private let kind: Kind
    private init(_ kind: Kind) { self.kind = kind }

    /// A daemon of this node runs on this machine.
    public static let alreadyRunning = Code(.alreadyRunning)
    /// Another live node in the store has this name.
    public static let nameTaken = Code(.nameTaken)
    /// Anything else.
    public static let failed = Code(.failed)
  }

  /// The kind of reason.
  public let code: Code
  /// What the operator should read.
  public let message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
