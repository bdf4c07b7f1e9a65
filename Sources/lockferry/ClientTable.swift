import Sidecar

/// Clients and what became of them.
enum ClientTable {
  static func render(_ clients: [HistoryEntry.Client], coloured: Bool) -> String {
    var table = TextTable(
      ("CLIENT", .left), ("ADDRESS", .left), ("TOLD", .left), ("AFTER", .right), ("TRIES", .right),
      ("FIRST ANSWER", .right), ("NAMES", .left), ("PROBLEM", .left))
    for client in clients {
      table.add(
        .init(client.client), .init(client.address ?? ""),
        .init(client.told ? "yes" : "no", client.told ? .good : .bad),
        .init(client.toldMilliseconds.map { Elapsed.text(milliseconds: $0) } ?? ""),
        .init(client.attempts.map(String.init) ?? ""),
        .init(client.firstAnswerMilliseconds.map { Elapsed.text(milliseconds: $0) } ?? ""),
        .init(client.names?.joined(separator: ", ") ?? ""), .init(client.problem ?? ""))
    }
    return table.render(coloured: coloured)
  }
}
