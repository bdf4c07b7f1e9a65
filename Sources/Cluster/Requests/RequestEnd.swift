/// A request ends without a plan: it can't be carried out, what it asks for is so already, or it was taken back.
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

  /// An end.
  public init(service: ServiceName, request: ServiceRequest, owner: [UInt8]?, outcome: Outcome) {
    self.service = service
    self.request = request
    self.owner = owner
    self.outcome = outcome
  }

  /// How a request ended.
  public enum Outcome: Sendable, Equatable {
    /// It is as was asked, and why.
    case done(String)
    /// It can't be, and why.
    case failed(String)
    /// Who asked, or somebody else, has taken it back before its turn.
    case cancelled(String)
  }
}
