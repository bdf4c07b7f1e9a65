/// Follows what NFS-Ganesha says of itself from one look to the next, so that nobody takes its start for its clients'
/// departure.
///
/// Ganesha has its status monitor forget every client when it starts (SM_UNMON_ALL), and a single one is no burst. So
/// a start must be noticed, however quick it was: Ganesha has another connection to the message bus afterwards.
public struct GaneshaWatch: Sendable {
  /// What its admin object answered.
  public struct Answer: Sendable, Equatable {
    /// A grace period runs.
    public var isInGrace: Bool
    /// The unique name of its connection to the message bus, `:1.7`, which is never used again.
    public var connection: String

    /// An answer.
    public init(isInGrace: Bool, connection: String) {
      self.isInGrace = isInGrace
      self.connection = connection
    }
  }

  /// What the mirror is to be told.
  public struct Standing: Sendable, Equatable {
    /// Its lock manager is known to be up.
    public var isUp: Bool
    /// Its grace period runs; nil where that is not known.
    public var isGraceRunning: Bool?
  }

  private var connection: String?
  /// When the last question was sent that was answered.
  private var lastAnswered: BootInstant?
  /// No grace period ran when this question was sent, or another Ganesha answered it: one that runs now is younger.
  private var lastOutside: BootInstant?
  /// When another Ganesha than before answered for the first time: whoever was told earlier was not told of its start.
  public private(set) var lastStart: BootInstant?

  /// Nothing was asked yet.
  public init() {}

  /// It was asked at `asked`, and has answered; nil where it did not.
  ///
  /// - Returns: what has been, oldest first.
  public mutating func onAnswer(_ answer: Answer?, asked: BootInstant) -> [Standing] {
    let down = Standing(isUp: false, isGraceRunning: nil)
    guard let answer else { return [down] }
    let hasStarted = connection != nil && connection != answer.connection
    connection = answer.connection
    if hasStarted { (lastOutside, lastStart) = (lastAnswered, asked) }
    if !answer.isInGrace { lastOutside = asked }
    lastAnswered = asked
    return (hasStarted ? [down] : []) + [Standing(isUp: true, isGraceRunning: answer.isInGrace)]
  }

  /// What is left at least of a grace period of `length` that runs now; nil where nothing shows since when it does.
  public func graceLeft(of length: Duration, now: BootInstant) -> Duration? {
    lastOutside.map { max($0 + length - now, .zero) }
  }
}
