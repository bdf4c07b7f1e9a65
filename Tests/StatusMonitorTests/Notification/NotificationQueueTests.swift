import Testing

@testable import StatusMonitor

@Suite struct NotificationQueueTests {
  @Test("moments come out in order, however they went in")
  func due() {
    var random = SplitMix(seed: 4)
    for count in [0, 1, 2, 3, 10, 1_000] {
      var queue = LeastFirst<NotificationTurn>()
      var moments: [Int] = []
      for index in 0..<count {
        let moment = Int.random(in: 0..<100, using: &random)
        moments.append(moment)
        queue.add(NotificationTurn(moment: .milliseconds(moment), rank: Int32(index), generation: 0))
      }
      var out: [Int] = []
      while let next = queue.next {
        out.append(Int(next.moment / .milliseconds(1)))
        #expect(queue.removeNext() != nil)
      }
      #expect(out == moments.sorted())
    }
  }

  @Test("moments may be added between")
  func dueBetween() {
    var random = SplitMix(seed: 5)
    var queue = LeastFirst<NotificationTurn>()
    var model: [Int] = []
    for _ in 0..<5_000 {
      if Bool.random(using: &random) {
        let moment = Int.random(in: 0..<1_000, using: &random)
        model.append(moment)
        queue.add(NotificationTurn(moment: .milliseconds(moment), rank: 0, generation: 0))
      } else {
        #expect(queue.next?.moment == model.min().map { .milliseconds($0) })
        if let least = model.min(), let index = model.firstIndex(of: least) { model.remove(at: index) }
        _ = queue.removeNext()
      }
    }
  }

  @Test("clients come out in the order in which they came, however long the queue was in use")
  func clients() {
    var random = SplitMix(seed: 6)
    var queue = ClientQueue()
    var added = 0
    var taken = 0
    for _ in 0..<20_000 {
      if Int.random(in: 0..<5, using: &random) < 3 {
        queue.add(added)
        added += 1
      } else if let next = queue.next() {
        #expect(next == taken)
        taken += 1
      } else {
        #expect(taken == added)
      }
    }
    while let next = queue.next() {
      #expect(next == taken)
      taken += 1
    }
    #expect(taken == added)
    #expect(queue.next() == nil)
  }
}
