/// What is printed.
enum Figures {
  /// The value below which `share` of all lie.
  static func quantile(_ share: Double, of durations: [Duration]) -> Duration {
    let sorted = durations.sorted()
    return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
  }

  static func median(_ durations: [Duration]) -> Duration { quantile(0.5, of: durations) }

  /// `1.23`
  static func text(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
  }

  /// `12.34 ms`
  static func milliseconds(_ duration: Duration) -> String { text(duration / .milliseconds(1)) + " ms" }

  /// A comparison on one line, and whether the aim is met.
  static func compare(
    _ what: String, ours: Duration, theirs: Duration, aim: Double?
  ) -> Bool {
    let ratio = ours / theirs
    var line =
      "\(what): lockferry \(milliseconds(ours)), bare \(milliseconds(theirs)), ratio \(text(ratio))"
    if let aim { line += " (aim: at most \(text(aim))\(ratio <= aim ? "" : ", MISSED"))" }
    print(line)
    return aim.map { ratio <= $0 } ?? true
  }
}
