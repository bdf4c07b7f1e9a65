import Sidecar

/// Clients and what became of them.
enum ClientTable {
  static func render(_ clients: [HistoryEntry.Client], coloured: Bool) -> String {
    let hasLocks = clients.contains { $0.outcome != nil }
    var columns: [(String, TextTable.Alignment)] = [
      ("CLIENT", .left), ("ADDRESS", .left), ("TOLD", .left), ("AFTER", .right), ("TRIES", .right),
      ("FIRST ANSWER", .right), ("NAMES", .left), ("PROBLEM", .left),
    ]
    if hasLocks {
      columns += [("MIRRORED", .left), ("LOCKS", .left), ("BACK AFTER", .right), ("WHY", .left)]
    }
    var table = TextTable(columns)
    for client in clients {
      var cells: [TextTable.Cell] = [
        .init(client.client), .init(client.address ?? ""),
        .init(client.told ? "yes" : "no", client.told ? .good : .bad),
        .init(client.toldMilliseconds.map { Elapsed.text(milliseconds: $0) } ?? ""),
        .init(client.attempts.map(String.init) ?? ""),
        .init(client.firstAnswerMilliseconds.map { Elapsed.text(milliseconds: $0) } ?? ""),
        .init(client.names?.joined(separator: ", ") ?? ""), .init(client.problem ?? ""),
      ]
      if hasLocks {
        cells += [
          .init(client.mirroredAt ?? ""), locks(client.outcome),
          .init(client.registeredMilliseconds.map { Elapsed.text(milliseconds: $0) } ?? ""),
          .init(client.why ?? ""),
        ]
      }
      table.add(cells)
    }
    return table.render(coloured: coloured)
  }

  private static func locks(_ outcome: String?) -> TextTable.Cell {
    switch outcome {
    case "registered": .init("registered", .good)
    case "safe": .init("none to lose", .good)
    case "possibly_lost": .init("perhaps lost", .bad)
    case "lost": .init("lost", .bad)
    default: .init(outcome ?? "", .doubtful)
    }
  }
}
