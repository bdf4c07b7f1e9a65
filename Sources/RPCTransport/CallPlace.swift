/// Where the caller's side of a call blocks, and what measures its limit.
public struct CallPlace: Sendable {
  /// Has a call that may hang run soon, on a thread where nobody waits for it longer than he can; false where there is none.
  public typealias BeginCall = @Sendable (@escaping @Sendable () -> Void) -> Bool

  /// A thread for each call, and Swift's own clock.
  public static let ownThread = CallPlace(clock: ContinuousClock(), begin: nil)

  let clock: any Clock<Duration>
  let begin: BeginCall?

  /// For calls that come again and again: Swift's clock wakes threads of its pool each time, and so does a thread that
  /// waits for such calls.
  public init(clock: any Clock<Duration>, begin: @escaping BeginCall) {
    self.init(clock: clock, begin: .some(begin))
  }

  private init(clock: any Clock<Duration>, begin: BeginCall?) { (self.clock, self.begin) = (clock, begin) }
}
