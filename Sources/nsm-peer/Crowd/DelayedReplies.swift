/// Replies that leave later than they were made, the earliest first.
struct DelayedReplies<Reply> {
  private var heap: [(dueAt: Int64, number: Int, reply: Reply)] = []
  private var made = 0

  /// When the next is due.
  var nextDueAt: Int64? { heap.first?.dueAt }

  mutating func add(_ reply: Reply, dueAt: Int64) {
    made += 1
    heap.append((dueAt, made, reply))
    var place = heap.count - 1
    while place > 0, precedes(place, (place - 1) / 2) {
      heap.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  /// The next reply that is due at `now`, taken out.
  mutating func takeNext(dueAt now: Int64) -> Reply? {
    guard let first = heap.first, first.dueAt <= now else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var place = 0
    while true {
      var least = place
      for child in [2 * place + 1, 2 * place + 2] where child < heap.count && precedes(child, least) {
        least = child
      }
      if least == place { return first.reply }
      heap.swapAt(place, least)
      place = least
    }
  }

  private func precedes(_ left: Int, _ right: Int) -> Bool {
    (heap[left].dueAt, heap[left].number) < (heap[right].dueAt, heap[right].number)
  }
}
