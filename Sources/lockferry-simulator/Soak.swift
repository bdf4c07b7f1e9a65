import ClusterSimulator

/// Seeds one after the other, on every processor.
struct Soak {
  /// So many seeds are one piece of work.
  private static let pieceSize = 100
  private static let pause = Duration.seconds(10)

  let first: Int
  /// Nil: without end.
  let seeds: Int?
  let threads: Int

  func run(while mayGoOn: @Sendable () -> Bool) async -> Summary {
    let began = ContinuousClock.now
    var total = Summary()
    var told = began
    let pieces = Pieces(first: first, seeds: seeds)
    await withTaskGroup(of: Summary.self) { group in
      let next = pieces.makeIterator()
      for _ in 0..<threads {
        guard let piece = next.next() else { break }
        group.addTask { await Self.play(piece) }
      }
      while let summary = await group.next() {
        total.add(summary)
        total.took = ContinuousClock.now - began
        if ContinuousClock.now - told >= Self.pause {
          told = ContinuousClock.now
          print(total.text)
        }
        guard total.broken == nil, mayGoOn(), let piece = next.next() else { continue }
        group.addTask { await Self.play(piece) }
      }
    }
    return total
  }

  @concurrent
  private static func play(_ piece: Range<Int>) async -> Summary {
    var summary = Summary()
    for seed in piece {
      summary.add(Ordeal.run(Schedule(seed: seed)))
      if summary.broken != nil { break }
    }
    return summary
  }

  private struct Pieces: Sequence {
    var first: Int
    var seeds: Int?

    func makeIterator() -> AnyIterator<Range<Int>> {
      var begin = first
      let end = seeds.map { first + $0 } ?? .max
      return AnyIterator {
        guard begin < end else { return nil }
        defer { begin = Swift.min(begin + pieceSize, end) }
        return begin..<Swift.min(begin + pieceSize, end)
      }
    }
  }
}
