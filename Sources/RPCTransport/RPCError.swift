/// Why a remote procedure call didn't succeed.
public struct RPCError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What kind of failure; more kinds may come.
  public struct Code: Hashable, Sendable {
    private enum Kind {
      case timedOut, unreachable, unknownHost, notRegistered, rejected, badReply, busy, invalid, cancelled
      case failed
    }
    private let kind: Kind

    /// No answer within the limit.
    public static let timedOut = Code(kind: .timedOut)
    /// The host can't be reached, or nothing listens there.
    public static let unreachable = Code(kind: .unreachable)
    /// The host's name has no address.
    public static let unknownHost = Code(kind: .unknownHost)
    /// The host's rpcbind doesn't know the program.
    public static let notRegistered = Code(kind: .notRegistered)
    /// The server answered, and refused the call.
    public static let rejected = Code(kind: .rejected)
    /// The server answered something that can't be understood.
    public static let badReply = Code(kind: .badReply)
    /// Too many earlier calls are stuck; this one wasn't started.
    public static let busy = Code(kind: .busy)
    /// The arguments can't be sent.
    public static let invalid = Code(kind: .invalid)
    /// The task that called was cancelled.
    public static let cancelled = Code(kind: .cancelled)
    /// The system refused what a call needs: a thread, a socket, a port.
    public static let failed = Code(kind: .failed)
  }

  /// What kind of failure.
  public let code: Code
  /// What happened, to which program on which host, and what to do, without a full stop.
  public let message: String

  /// An error of this kind.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
