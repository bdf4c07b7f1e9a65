/// How often a service may be adopted without anybody asking for it: one that goes round and round does more harm
/// than one that waits for its operator.
public struct FlapLimit: Sendable, Equatable {
  /// So many automatic adoptions are made, 1 to 100; the next one is held.
  public var adoptions: Int
  /// Within so long.
  public var window: Duration

  /// A limit.
  public init(adoptions: Int, window: Duration) {
    self.adoptions = adoptions
    self.window = window
  }
}

extension Ownership {
  /// The ages that count, in seconds, `elapsed` after the claim that wrote them.
  func automaticAges(after elapsed: Duration, within window: Duration) -> [Int] {
    let seconds = max(elapsed.wholeMilliseconds / 1000, 0)
    let longest = window.wholeMilliseconds / 1000
    return Array(automatic.map { $0 + seconds }.filter { $0 < longest }.prefix(FlapLimit.most))
  }
}

extension FlapLimit {
  /// More are never counted.
  public static let most = 100
}
