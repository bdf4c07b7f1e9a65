/// How long a candidate tries before it lets another one try.
public struct AdoptionPolicy: Sendable, Equatable {
  /// `adoption.tries`: after so many failures of a step one after the other another candidate may try. Default 3.
  public var tries: Int
  /// `adoption.time`: or when a step has been failing for so long. Default 60 s.
  public var time: Duration
  /// `adoption.rest`: a candidate at which the adoption has failed is not asked again for so long. Default 5 min.
  public var rest: Duration

  /// `adoption.witness_timeout`: who has not answered by then is silent. Default 1 s.
  public var witnessTimeout: Duration
  /// `adoption.flap`: how often a service is adopted without an order; nil is without limit. Default 3 in 1 h.
  public var flap: FlapLimit?

  /// `adoption.vote_wait`: how long bids are waited for. Default twice the interval of beats, in which everybody looks
  /// at least once.
  public var voteWait: Duration?

  /// Between two services that an overloaded node gives away: `overload.for`. Default 5 min.
  public var reliefPause = Duration.seconds(300)

  /// The defaults.
  public init(
    tries: Int = 3, time: Duration = .seconds(60), rest: Duration = .seconds(300),
    witnessTimeout: Duration = .seconds(1), flap: FlapLimit? = FlapLimit(adoptions: 3, window: .seconds(3600))
  ) {
    self.witnessTimeout = witnessTimeout
    self.flap = flap
    self.tries = tries
    self.time = time
    self.rest = rest
  }
}
