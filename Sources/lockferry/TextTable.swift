/// Columns of text, aligned, with two spaces between them.
struct TextTable {
  enum Alignment { case left, right }

  /// What a cell means; on a terminal it has a colour.
  enum Mood: String {
    case plain = ""
    case good = "\u{1b}[32m"
    case doubtful = "\u{1b}[33m"
    case bad = "\u{1b}[31m"
    case heading = "\u{1b}[1m"
  }

  struct Cell: ExpressibleByStringInterpolation, Equatable {
    var text: String
    var mood: Mood

    init(_ text: String, _ mood: Mood = .plain) {
      self.text = text.isEmpty ? "-" : Terminal.printable(text)
      self.mood = mood
    }

    init(stringLiteral value: String) { self.init(value) }

    func coloured(_ isColoured: Bool, paddedBy padding: Int, _ alignment: Alignment) -> String {
      let space = String(repeating: " ", count: padding)
      let text = isColoured && mood != .plain ? "\(mood.rawValue)\(text)\u{1b}[0m" : text
      return alignment == .left ? text + space : space + text
    }
  }

  private var columns: [(title: String, alignment: Alignment)]
  private var rows: [[Cell]] = []

  init(_ columns: (String, Alignment)...) { self.init(columns) }

  init(_ columns: [(String, Alignment)]) {
    self.columns = columns.map { (title: $0.0, alignment: $0.1) }
  }

  mutating func add(_ cells: Cell...) { rows.append(cells) }

  mutating func add(_ cells: [Cell]) { rows.append(cells) }

  /// Lines without trailing spaces.
  func render(coloured: Bool = false) -> String {
    let all = [columns.map { Cell($0.title, .heading) }] + rows
    let widths = columns.indices.map { column in all.map { $0[column].text.count }.max() ?? 0 }
    return all.map { row in
      var line = ""
      for (index, cell) in row.enumerated() {
        let alignment = columns[index].alignment
        let isLast = index == row.count - 1
        let padding = isLast && alignment == .left ? 0 : widths[index] - cell.text.count
        line += cell.coloured(coloured, paddedBy: padding, alignment) + (isLast ? "" : "  ")
      }
      return line + "\n"
    }.joined()
  }
}

/// Times for people.
enum Elapsed {
  /// `950 ms`, `12.3 s`, `4 min 10 s`, `3 h 5 min`, `2 d 3 h`.
  static func text(milliseconds: Int) -> String {
    switch milliseconds {
    case ..<1000: return "\(milliseconds) ms"
    case ..<60_000:
      let tenths = milliseconds / 100
      return "\(tenths / 10).\(tenths % 10) s"
    case ..<3_600_000: return "\(milliseconds / 60_000) min \(milliseconds / 1000 % 60) s"
    case ..<86_400_000: return "\(milliseconds / 3_600_000) h \(milliseconds / 60_000 % 60) min"
    default: return "\(milliseconds / 86_400_000) d \(milliseconds / 3_600_000 % 24) h"
    }
  }
}
