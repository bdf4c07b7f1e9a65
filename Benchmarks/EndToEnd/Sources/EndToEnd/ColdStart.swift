import Glibc

/// All records mirrored into a store that the daemon makes when it starts, against a copy of the same files.
struct ColdStart {
  static let aim = 3.0

  let rounds: Int

  /// From the start of the process to the daemon's word that all are durable; from the start of cp to the end of
  /// sync. Each begins with nothing left to write.
  func run(_ node: Node, copyFolder: String) throws -> Bool {
    var (mirrored, copied): ([Duration], [Duration]) = ([], [])
    for round in 0..<rounds {
      for turn in 0..<2 {
        sync()
        let began = ContinuousClock.now
        if (turn == 0) == round.isMultiple(of: 2) {
          let daemon = try node.start()
          try daemon.waitUntilMirrored(Records.count, looking: .milliseconds(20), within: .seconds(300))
          mirrored.append(ContinuousClock.now - began)
          try daemon.stop()
          try Records.check(node.storedRecords)
          try node.reset()
        } else {
          try Program.run(["cp", "-a", node.records, copyFolder])
          try Program.run(["sync"])
          copied.append(ContinuousClock.now - began)
          try Program.run(["rm", "-rf", copyFolder])
        }
      }
    }
    print("\(Records.count) records from a cold start, \(rounds) of each, alternating; bare: cp -a, sync")
    print("  lockferry: \(mirrored.map(Figures.milliseconds).joined(separator: ", "))")
    print("  bare: \(copied.map(Figures.milliseconds).joined(separator: ", "))")
    return Figures.compare(
      "  median", ours: Figures.median(mirrored), theirs: Figures.median(copied), aim: Self.aim)
  }
}
