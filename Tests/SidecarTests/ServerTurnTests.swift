import Cluster
import NodeHost
import Testing

@testable import Sidecar

/// M7 B3: two services whose adoptions restart one NFS server.
@Suite("The turn to restart this node's NFS server", .timeLimit(.minutes(30))) struct ServerTurnTests {
  @Test func oneHasItAtATime() async throws {
    let turn = ServerTurn()
    let inside = Inside()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          try await turn.take(toRestart: true)
          await inside.enter()
          await Task.yield()
          await inside.leave()
          await turn.leave()
        }
      }
      try await group.waitForAll()
    }
    #expect(await inside.most == 1)
    #expect(await turn.restarts == 8)
  }

  /// B4: who ends a grace period sees that it is another one by then.
  @Test func whoOnlyEndsAGracePeriodRestartsNothing() async throws {
    let turn = ServerTurn()
    try await turn.take(toRestart: false)
    let waiting = Task { try await turn.take(toRestart: true) }
    await turn.leave()
    try await waiting.value
    #expect(await turn.restarts == 1)
  }

  /// M7: what the kernel said before a restart was over must not make that restart somebody else's.
  @Test func aRestartCountsForWhatIsSeenAfterIt() async throws {
    let turn = ServerTurn()
    let before = BootInstant.now
    #expect(await turn.restarts(before: before) == 0)
    try await turn.take(toRestart: true)
    #expect(await turn.restarts(before: .now + .seconds(1)) == nil)
    await turn.leave()
    #expect(await turn.restarts(before: before) == nil)
    #expect(await turn.restarts(before: .now + .milliseconds(1)) == 1)
  }

  @Test func whoCameFirstHasItFirst() async throws {
    let turn = ServerTurn()
    let order = Order()
    try await turn.take(toRestart: true)
    var tasks: [Task<Void, any Error>] = []
    for number in 0..<5 {
      tasks.append(
        Task {
          try await turn.take(toRestart: true)
          await order.note(number)
          await turn.leave()
        })
      while await turn.waitingCount < number + 1 { await Task.yield() }
    }
    await turn.leave()
    for task in tasks { try await task.value }
    #expect(await order.numbers == [0, 1, 2, 3, 4])
    #expect(await !turn.isTaken)
  }

  @Test func whoGivesUpWaitingDoesNotTakeIt() async throws {
    let turn = ServerTurn()
    try await turn.take(toRestart: true)
    let waiting = Task { try await turn.take(toRestart: true) }
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await waiting.value }
    #expect(await turn.restarts == 1)
    await turn.leave()
    try await turn.take(toRestart: true)
  }
}

/// How many are in a place at once.
private actor Inside {
  private(set) var most = 0
  private var now = 0

  func enter() {
    now += 1
    most = max(most, now)
  }

  func leave() { now -= 1 }
}

/// Who came when.
private actor Order {
  private(set) var numbers: [Int] = []

  func note(_ number: Int) { numbers.append(number) }
}
