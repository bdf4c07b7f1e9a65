/// A binary heap: the least element comes first.
struct LeastFirst<Element: Comparable & Sendable>: Sendable {
  private var heap: [Element]

  /// - Precondition: `elements` are in ascending order, which makes them a heap.
  init(sorted elements: [Element] = []) { heap = elements }

  var count: Int { heap.count }

  var next: Element? { heap.first }

  mutating func add(_ element: Element) {
    heap.append(element)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child] < heap[parent] else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func removeNext() -> Element? {
    guard let last = heap.popLast() else { return nil }
    guard let least = heap.first else { return last }
    heap[0] = last
    var parent = 0
    while true {
      var smallest = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
        if heap[child] < heap[smallest] { smallest = child }
      }
      guard smallest != parent else { return least }
      heap.swapAt(parent, smallest)
      parent = smallest
    }
  }
}
