/// A request ends without a plan: it can't be carried out, or what it asks for is so already.
///
/// It leaves the queue in the transaction that writes this into the history, guarded by the owner key as seen.
public struct RequestEnd: Sendable, Equatable {
  /// The service.
  public var service: ServiceName
  /// The request.
  public var request: ServiceRequest
  /// The owner key as seen by who decided this; nil where it must be absent.
  public var owner: [UInt8]?
  /// How it ended.
  public var outcome: Outcome

  /// How a request ended.
  public enum Outcome: Sendable, Equatable {
    /// It is as was asked, and why.
    case done(String)
    /// It can't be, and why.
    case failed(String)
  }
}
