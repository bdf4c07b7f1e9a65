/// Who is due when: a binary heap of moments.
///
/// An entry is not taken out when its moment is moved; whoever takes it compares its generation.
struct DueQueue: Sendable {
  struct Entry: Sendable {
    let moment: Duration
    let client: Int32
    let generation: UInt32
  }

  private var heap: [Entry] = []

  var next: Entry? { heap.first }

  mutating func add(_ entry: Entry) {
    heap.append(entry)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].moment < heap[parent].moment else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func removeNext() {
    guard let last = heap.popLast(), !heap.isEmpty else { return }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
        if heap[child].moment < heap[least].moment { least = child }
      }
      guard least != parent else { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
