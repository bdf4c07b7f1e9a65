/// What an operator probably meant by a mistyped word.
enum NearestWord {
  /// The known word with the fewest changed, added, dropped or swapped letters; nil where none is near.
  static func to(_ word: String, among known: [String]) -> String? {
    let written = word.lowercased().map { $0 == "-" ? "_" : $0 }
    guard written.count <= 64 else { return nil }
    let near = known.map { ($0, distance(written, Array($0))) }.min { $0.1 < $1.1 }
    guard let (candidate, changes) = near, changes <= max(1, min(candidate.count, written.count) / 3) else {
      return nil
    }
    return candidate
  }

  /// Optimal string alignment distance.
  private static func distance(_ left: [Character], _ right: [Character]) -> Int {
    guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
    var rows = [Array(0...right.count)]
    for i in 1...left.count {
      var row = [i]
      for j in 1...right.count {
        let replaced = rows[i - 1][j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1)
        var best = min(row[j - 1] + 1, rows[i - 1][j] + 1, replaced)
        if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
          best = min(best, rows[i - 2][j - 2] + 1)
        }
        row.append(best)
      }
      rows.append(row)
    }
    return rows[left.count][right.count]
  }
}
