public import Foundation

/// One entry of `lockferry history -o json`.
public struct HistoryAnswer: Decodable, Sendable {
  /// Counts up per service.
  public let number: Int
  /// The service.
  public let service: String
  /// `adoption`, `release`, `request`, …
  public let kind: String
  /// The owner before.
  public let from: String?
  /// The node that ran it.
  public let to: String?
  /// Its epoch.
  public let epoch: Int
  /// Why.
  public let because: String
  /// Wall clock, ISO 8601.
  public let startedAt: String
  /// In all.
  public let milliseconds: Int
  /// `done` or `failed`.
  public let outcome: String
  /// Why it failed.
  public let problem: String?
  /// The number that clients were told.
  public let stateNumber: Int?
  /// The steps in order.
  public let steps: [Step]
  /// The names under which they were told.
  public let names: [String]?
  /// The request that it answered.
  public let request: String?
  /// How many clients were to be told.
  public let clientCount: Int
  /// How many of them were not.
  public let untoldCount: Int
  /// Every client, as `lockferry history show` names them; empty in a list.
  public var clients: [Client] { everybody ?? [] }
  private let everybody: [Client]?
  /// What became of the clients' locks.
  public let recovery: RecoveryAnswer?

  private enum CodingKeys: String, CodingKey {
    case number, service, kind, from, to, epoch, because, startedAt, milliseconds, outcome, problem, request,
      stateNumber
    case steps, names, clientCount, untoldCount, recovery
    case everybody = "clients"
  }

  /// One step.
  public struct Step: Decodable, Sendable {
    /// Its name.
    public let step: String
    /// What it did.
    public let detail: String
    /// `done`, `skipped` or `failed`.
    public let state: String
    /// From the start of the plan.
    public let startedAtMilliseconds: Int
    /// How long it took.
    public let milliseconds: Int
  }

  /// One client.
  public struct Client: Decodable, Sendable {
    /// The record's name.
    public let client: String
    /// It answered.
    public let told: Bool
    /// What went wrong.
    public let problem: String?
    /// Where it was asked.
    public let address: String?
    /// The names under which it answered; nil is all of them.
    public let names: [String]?
    /// How often it was tried.
    public let attempts: Int?
    /// Until its first answer.
    public let firstAnswerMilliseconds: Int?
    /// Until its last.
    public let toldMilliseconds: Int?
    /// When its record had reached the store.
    public let mirroredAt: String?
    /// `registered`, `safe`, `pending`, `possibly_lost` or `lost`.
    public let outcome: String?
    /// Until its record was written again.
    public let registeredMilliseconds: Int?
    /// What is known of its locks.
    public let why: String?
  }

  /// ``startedAt`` as a date; nil where it is not ISO 8601.
  public var started: Date? {
    for options: ISO8601DateFormatter.Options in [
      [.withInternetDateTime, .withFractionalSeconds], .withInternetDateTime,
    ] {
      let formatter = ISO8601DateFormatter()
      formatter.formatOptions = options
      if let date = formatter.date(from: startedAt) { return date }
    }
    return nil
  }
}

/// What became of the clients' locks, in the history and in `lockferry status -o json`.
public struct RecoveryAnswer: Decodable, Sendable {
  /// `open`, `closed` or `abandoned`.
  public let state: String
  /// How it ended.
  public let ended: String?
  /// Clients whose record was written again in time.
  public let registered: Int
  /// Clients that had nothing to lose.
  public let safe: Int
  /// Clients that may have lost something.
  public let possiblyLost: Int
  /// Clients that have lost what they held.
  public let lost: Int
  /// Clients of which nothing is known.
  public let pending: Int
}
