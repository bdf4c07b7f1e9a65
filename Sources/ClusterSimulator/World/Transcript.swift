/// What happened in a run, one line each, with the true time in milliseconds.
public struct Transcript: Sendable, Equatable {
  /// The lines, oldest first.
  public private(set) var lines: [String] = []
  let isKept: Bool

  /// - Parameter isKept: a run among thousands keeps none.
  init(isKept: Bool) {
    self.isKept = isKept
  }

  mutating func note(at microseconds: Int, _ text: @autoclosure () -> String) {
    guard isKept else { return }
    let milliseconds = String(microseconds / 1000)
    lines.append(
      String(repeating: " ", count: max(0, 8 - milliseconds.count)) + milliseconds + "  " + text())
  }
}
