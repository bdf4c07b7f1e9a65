/// What became of one client.
public struct NotificationLedger: Sendable, Equatable {
  /// The record's name.
  public var client: ClientName
  /// Where it was asked; nil where its name has no address yet.
  public var address: HostAddress?
  /// Whether it has answered to everything.
  public var isTold: Bool
  /// The names under which it has answered.
  public var names: [String]
  /// How often it was tried.
  public var attempts: Int
  /// When it first answered anything, from the start.
  public var firstAnswer: Duration?
  /// When the last answer came that was needed, from the start.
  public var told: Duration?
  /// What stands in the way.
  public var problem: NotificationProblem?
}

/// How far a notification is.
public struct NotificationProgress: Sendable, Equatable {
  /// Clients to be told.
  public var all: Int
  /// Of them, told.
  public var told: Int
  /// Of the others, those who have answered something.
  public var underWay: Int

  /// Counts.
  public init(all: Int, told: Int, underWay: Int) {
    self.all = all
    self.told = told
    self.underWay = underWay
  }
}
