import Dispatch
import Synchronization
import Testing

@testable import NodeHost

@Suite struct SystemAccountTests {
  @Test func aUserIsFoundByName() {
    #expect(SystemAccount(named: "root").map { [$0.user, $0.group] } == [0, 0])
    #expect(SystemAccount(named: "nobody").map { $0.user != 0 } == true)
    #expect(SystemAccount(named: "no-such-user-here") == nil)
  }

  /// As when two isolated services come to a node at once.
  @Test func severalThreadsMayAskAtOnce() {
    let (root, nobody) = (SystemAccount(named: "root"), SystemAccount(named: "nobody"))
    let mistakes = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      for _ in 0..<5_000 {
        let isRoot = thread.isMultiple(of: 2)
        if SystemAccount(named: isRoot ? "root" : "nobody") != (isRoot ? root : nobody) {
          mistakes.add(1, ordering: .relaxed)
        }
      }
    }
    #expect(mistakes.load(ordering: .relaxed) == 0)
  }
}
