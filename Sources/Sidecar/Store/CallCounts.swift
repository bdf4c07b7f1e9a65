/// How long the calls of one kind took, and how many of them failed.
struct CallCounts: Sendable {
  /// Upper bounds, in milliseconds: from a cached read to more than any `beats.store_timeout` that one would choose.
  static let bounds = [1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000]

  private var calls = 0
  private var failures = 0
  private var total = Duration.zero
  private var upTo = Array(repeating: 0, count: bounds.count)

  mutating func onCall(took: Duration, failed: Bool) {
    calls += 1
    failures += failed ? 1 : 0
    total += took
    if let index = Self.bounds.firstIndex(where: { took <= .milliseconds($0) }) { upTo[index] += 1 }
  }

  func status(_ operation: String) -> NodeStatus.StoreCalls {
    NodeStatus.StoreCalls(
      operation: operation, count: calls, failures: failures, microseconds: Int(total / .microseconds(1)),
      upTo: zip(Self.bounds, upTo).map { .init(milliseconds: $0, count: $1) })
  }
}
