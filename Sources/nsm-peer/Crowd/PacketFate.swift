/// What happens to one datagram and its answer.
struct PacketFate: Equatable, Sendable {
  /// Never arrives.
  var dropsRequest = false
  /// Arrives; the answer doesn't.
  var dropsReply = false
  /// The answer comes twice.
  var duplicates = false
  /// The answer is other than it should be, and the request is as good as not received.
  var spoiling = Spoiling.none
  /// The answer leaves so much later.
  var delayNanoseconds: Int64 = 0

  /// How an answer is spoiled.
  enum Spoiling: Sendable {
    case none
    /// Random bytes instead.
    case garbage
    /// Another transaction's.
    case wrongTransaction
    /// From an address that wasn't asked.
    case wrongSource
  }

  static let good = PacketFate()
}

/// How likely each fate is, and how long delays are.
struct PacketFaults: Sendable {
  var dropRequests = Percent.never
  var dropReplies = Percent.never
  var duplicates = Percent.never
  var reordered = Percent.never
  var delayed = Percent.never
  var delayMilliseconds = 0
  var late = Percent.never
  var lateMilliseconds = 0
  var garbage = Percent.never
  var wrongTransactions = Percent.never
  var wrongSources = Percent.never

  /// Within which replies change places, in nanoseconds.
  static let reorderWindow: UInt64 = 5_000_000

  var isEmpty: Bool {
    [
      dropRequests, dropReplies, duplicates, reordered, delayed, late, garbage, wrongTransactions,
      wrongSources,
    ].allSatisfy { $0 == .never }
  }

  /// Draws a fate; always as many draws, so that one option's value doesn't shift the others.
  func fate(drawing generator: inout SplitMix) -> PacketFate {
    func hits(_ percent: Percent) -> Bool { generator.next() >> 32 < percent.threshold }
    var fate = PacketFate()
    fate.dropsRequest = hits(dropRequests)
    fate.dropsReply = hits(dropReplies)
    fate.duplicates = hits(duplicates)
    let isReordered = hits(reordered)
    let place = generator.next() % Self.reorderWindow
    if isReordered { fate.delayNanoseconds += Int64(place) }
    if hits(delayed) { fate.delayNanoseconds += Int64(delayMilliseconds) * 1_000_000 }
    if hits(late) { fate.delayNanoseconds += Int64(lateMilliseconds) * 1_000_000 }
    if hits(garbage) { fate.spoiling = .garbage }
    if hits(wrongTransactions) { fate.spoiling = .wrongTransaction }
    if hits(wrongSources) { fate.spoiling = .wrongSource }
    return fate
  }
}
