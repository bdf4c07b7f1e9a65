/// What the kernels showed at the end of one scenario.
struct Outcome: Sendable {
  /// Locks of the holder that the primary's kernel showed before.
  var heldBefore: Int
  /// Those that the serving kernel shows at the end.
  var heldAfter: Int
  /// Answers "granted" to the asker for a lock that the holder has.
  var wronglyGranted = 0
  /// The longest time between two writes of the holder, in milliseconds; nil where it did not write all the time.
  var pause: Int?
  /// Whatever must not be.
  var problems: [String] = []
  /// What not even the failure that is expected of the scenario explains.
  var unexplained: [String] = []
  /// Nobody was to open the service, and nobody has.
  var isRefusal = false
  /// What the table is to say besides.
  var remarks: [String] = []

  init(heldBefore: Int, heldAfter: Int) {
    (self.heldBefore, self.heldAfter) = (heldBefore, heldAfter)
  }

  /// No lock is lost and nothing else is wrong.
  var holds: Bool { heldAfter == heldBefore && heldBefore > 0 && wronglyGranted == 0 && faults.isEmpty }

  /// Whatever must not be, explained or not.
  var faults: [String] { problems + unexplained }
}

extension Outcome {
  /// Every lock was lost, and somebody else got what the holder believes to have.
  var showsLoss: Bool { heldBefore > 0 && heldAfter == 0 && wronglyGranted > 0 }
}

/// A line of the table.
struct Row: Sendable {
  var scenario: String
  var kernel: String
  /// Nil where the scenario could not be played to its end.
  var outcome: Outcome?
  /// Why it could not.
  var failure: String?
  /// Why this machine can't play it.
  var obstacle: String?
  /// The subject of the issue that will make it pass.
  var expectedToFail: String?

  /// Locks must be lost, and given away: the lab's own control.
  var isControl = false

  /// A row of the comparison: nothing is expected of it, but it must have been played.
  var isByHand = false

  /// Whether the exit status may be 0.
  var isAsExpected: Bool {
    guard let outcome else { return obstacle != nil }
    if isByHand { return true }
    if isControl { return outcome.showsLoss }
    return expectedToFail == nil ? outcome.holds : !outcome.holds && outcome.unexplained.isEmpty
  }

  /// The last column.
  var verdict: String {
    if obstacle != nil { return "NOT PLAYED" }
    guard let holds = outcome?.holds else { return "FAILED, not played to its end" }
    if isControl { return isAsExpected ? "ok: lost, as must be seen" : "FAILED: no loss was seen" }
    if isByHand { return holds ? "nfs-utils alone: ok" : "nfs-utils alone: lost" }
    switch (holds, expectedToFail) {
    case (false, .some) where !isAsExpected: return "FAILED, in more than is expected"
    case (true, nil): return "ok"
    case (true, .some): return "PASSES, though expected to fail: remove the mark"
    case (false, .some(let subject)) where outcome?.isRefusal == true:
      return "refused, as must be: \(subject)"
    case (false, .some(let subject)): return "lost, as expected until: \(subject)"
    case (false, nil): return "FAILED"
    }
  }

  /// The table of rows.
  static func table(_ rows: [Row]) -> String {
    let head = [
      "scenario", "kernel", "held before", "reclaimed", "lost", "wrongly granted", "no writes for", "verdict",
    ]
    let cells = rows.map { row -> [String] in
      guard let outcome = row.outcome else {
        return [row.scenario, row.kernel, "-", "-", "-", "-", "-", row.verdict]
      }
      return [
        row.scenario, row.kernel, "\(outcome.heldBefore)", "\(outcome.heldAfter)",
        "\(outcome.heldBefore - outcome.heldAfter)", "\(outcome.wronglyGranted)",
        outcome.pause.map { "\($0 / 1000).\($0 % 1000 / 100) s" } ?? "-", row.verdict,
      ]
    }
    let widths = head.indices.map { column in ([head] + cells).map { $0[column].count }.max() ?? 0 }
    var lines = ([head] + cells).map { line in
      zip(line, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
    }
    for row in rows {
      // A failure's further lines, logs, have been printed when it happened.
      let failure = row.failure?.split(separator: "\n").first.map(String.init)
      for problem in (row.outcome?.faults ?? []) + [failure, row.obstacle].compactMap(\.self) {
        lines.append("\(row.scenario) (\(row.kernel)): \(problem)")
      }
      for remark in row.outcome?.remarks ?? [] {
        lines.append("\(row.scenario) (\(row.kernel)), note: \(remark)")
      }
    }
    return lines.joined(separator: "\n")
  }
}
