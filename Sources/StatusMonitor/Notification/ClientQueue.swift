/// Clients in the order in which they came.
struct ClientQueue: Sendable {
  private var clients: [Int32] = []
  private var head = 0

  /// How many wait.
  var count: Int { clients.count - head }

  mutating func add(_ client: Int) { clients.append(Int32(client)) }

  mutating func next() -> Int? {
    guard head < clients.count else { return nil }
    defer { head += 1 }
    if head > 1_024, head * 2 > clients.count {
      clients.removeFirst(head)
      head = 0
    }
    return Int(clients[head])
  }
}
