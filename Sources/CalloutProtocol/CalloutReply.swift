/// What the daemon answers to a callout.
public struct CalloutReply: Sendable, Equatable {
  /// How it ended.
  public enum Outcome: UInt8, Sendable {
    /// The record is durable in the shared store, under the epoch of every service that this node owns.
    case durable = 1
    /// A departure, a restart or a ping: heard.
    case heard = 2
    /// This node owns no service, so there is nothing to mirror for.
    case nothingOwned = 3
    /// The record is not known to be in the store, and the text says why.
    case notDurable = 4
    /// The request makes no sense, or comes from somebody who may not ask.
    case refused = 5
  }

  /// The longest text, in bytes.
  static let longestText = 512

  /// How it ended.
  public let outcome: Outcome
  /// Why, for the log; empty where there is nothing to say. At most 512 bytes.
  public let text: String

  /// A reply; a text that is too long is cut.
  public init(_ outcome: Outcome, _ text: String = "") {
    self.outcome = outcome
    var cut = text
    // A character at a time: half of one would not be UTF-8.
    while cut.utf8.count > Self.longestText { cut.removeLast() }
    self.text = cut
  }

  /// The message.
  public var bytes: [UInt8] { CalloutFrame.encode(kind: outcome.rawValue, Array(text.utf8)) }

  /// Reads a whole message.
  ///
  /// - Throws: ``CalloutProtocolError``.
  public init(_ bytes: [UInt8]) throws(CalloutProtocolError) {
    let (kind, body) = try CalloutFrame.body(bytes)
    guard let outcome = Outcome(rawValue: kind) else { throw .kind(kind) }
    guard body.count <= Self.longestText else { throw .tooLong }
    guard let text = String(validating: body, as: UTF8.self) else { throw .text }
    self.outcome = outcome
    self.text = text
  }
}
