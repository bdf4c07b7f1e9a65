/// What is to happen, in the order of its time: a binary heap. Equal times keep the order in which they came.
struct EventQueue {
  /// Small, so that it moves cheaply: the event lies in ``events``.
  struct Entry {
    var time: Int
    var order: Int
    fileprivate var place: Int
  }

  private var heap: [Entry] = []
  private var events: [SimulatedWorld.Event?] = []
  private var free: [Int] = []
  private var nextOrder = 0

  var nextTime: Int? { heap.first?.time }

  mutating func push(_ event: SimulatedWorld.Event, at time: Int) {
    let place: Int
    if let last = free.popLast() {
      place = last
      events[place] = event
    } else {
      place = events.count
      events.append(event)
    }
    insert(Entry(time: time, order: nextOrder, place: place))
    nextOrder += 1
  }

  /// Puts what was popped back, for `time`; it keeps its order among those of that time.
  mutating func postpone(_ entry: Entry, _ event: SimulatedWorld.Event, to time: Int) {
    var later = entry
    later.time = time
    later.place = free.popLast() ?? entry.place
    events[later.place] = event
    insert(later)
  }

  mutating func pop() -> (Entry, SimulatedWorld.Event)? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty { sink(last) }
    guard let event = events[first.place] else { return nil }
    events[first.place] = nil
    free.append(first.place)
    return (first, event)
  }

  private mutating func insert(_ entry: Entry) {
    heap.append(entry)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard Self.isBefore(entry, heap[parent]) else { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = entry
  }

  /// `entry` takes the place of the first.
  private mutating func sink(_ entry: Entry) {
    var parent = 0
    while true {
      var child = parent * 2 + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, Self.isBefore(heap[child + 1], heap[child]) { child += 1 }
      guard Self.isBefore(heap[child], entry) else { break }
      heap[parent] = heap[child]
      parent = child
    }
    heap[parent] = entry
  }

  private static func isBefore(_ left: Entry, _ right: Entry) -> Bool {
    left.time != right.time ? left.time < right.time : left.order < right.order
  }
}
