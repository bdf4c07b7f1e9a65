/// How long a candidate tries before it lets another one try.
public struct AdoptionPolicy: Sendable, Equatable {
  /// `adoption.tries`: after so many failures of a step one after the other another candidate may try. Default 3.
  public var tries: Int
  /// `adoption.time`: or when a step has been failing for so long. Default 60 s.
  public var time: Duration
  /// `adoption.rest`: a candidate at which the adoption has failed is not asked again for so long. Default 5 min.
  public var rest: Duration

  /// The defaults.
  public init(tries: Int = 3, time: Duration = .seconds(60), rest: Duration = .seconds(300)) {
    self.tries = tries
    self.time = time
    self.rest = rest
  }
}
