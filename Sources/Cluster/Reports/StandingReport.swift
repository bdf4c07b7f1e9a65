/// What a node says of itself in a report for as long as it is so: written again before it ends by itself, changed when
/// the reason changes, and taken away when it is over.
///
/// It ends by itself since whoever writes it may end first.
public struct StandingReport: Sendable, Equatable {
  /// What is to be done with the report in the store.
  public enum Action: Sendable, Equatable {
    /// Write it, with this reason, for ``StandingReport/lasts``.
    case write(String)
    /// Take it away.
    case remove
  }

  /// How long it counts, each time that it is written.
  public let lasts: Duration
  /// What the store is known to say; empty where an earlier daemon may have left its word, nil where nothing.
  private var said: String?
  private var saidAt: BootInstant?

  /// - Parameter isLeftOver: what an earlier daemon has said is taken away as well.
  public init(lasts: Duration, isLeftOver: Bool) {
    self.lasts = lasts
    said = isLeftOver ? "" : nil
  }

  /// What is to be done while `reason` holds; with nil it is over.
  public func action(_ reason: String?, now: BootInstant) -> Action? {
    guard let reason else { return said == nil ? nil : .remove }
    if said == reason, let saidAt, now - saidAt <= lasts / 2 { return nil }
    return .write(reason)
  }

  /// `action` is in the store. True where it is news, and no repetition.
  public mutating func onDone(_ action: Action, now: BootInstant) -> Bool {
    let before = said
    switch action {
    case .write(let reason): (said, saidAt) = (reason, now)
    case .remove: (said, saidAt) = (nil, nil)
    }
    return said == nil ? before?.isEmpty == false : said != before
  }
}
