import Testing

@testable import Sidecar

@Suite("A latch", .timeLimit(.minutes(30)))
struct ControlLatchTests {
  @Test func wakesEverybodyBeforeAndAfter() async {
    let latch = Latch()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<100 { group.addTask { await latch.wait() } }
      latch.fire()
      latch.fire()
    }
    await latch.wait()
  }

  @Test func letsTheCancelledGo() async {
    let latch = Latch()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<100 { group.addTask { await latch.wait() } }
      group.cancelAll()
      for _ in 0..<100 { group.addTask { await latch.wait() } }
    }
  }
}
