/// Why a call to the shared store gave no answer.
public struct StoreError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure; more kinds may come.
  public struct Code: Hashable, Sendable {
    private enum Kind: String {
      case invalidKey, unavailable, timedOut, full, damaged
    }
    private let kind: Kind
    private init(_ kind: Kind) { self.kind = kind }

    /// The key can't exist; nothing was asked of the store.
    public static let invalidKey = Code(.invalidKey)
    /// The store isn't there or refused; nothing was written.
    public static let unavailable = Code(.unavailable)
    /// No answer in time: a write may or may not have happened, or happen yet. Read before deciding.
    public static let timedOut = Code(.timedOut)
    /// No room; nothing of the transaction is visible.
    public static let full = Code(.full)
    /// What the store holds can't be read as it should.
    public static let damaged = Code(.damaged)
  }

  /// The kind of failure.
  public let code: Code
  /// What happened to which path or key, and what to do next.
  public let message: String

  /// A failure with what the operator should read.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
