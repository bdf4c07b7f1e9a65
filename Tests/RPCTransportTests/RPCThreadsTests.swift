import Glibc
import Synchronization
import Testing

@testable import RPCTransport

/// Calls that hang must not pile up threads.
@Suite struct RPCThreadsTests {
  /// Holds calls back until it is opened.
  private final class Gate: Sendable {
    private let pipes: [Int32]
    let entered = Atomic<Int>(0)
    let left = Atomic<Int>(0)

    init() {
      var pipes: [Int32] = [-1, -1]
      pipe(&pipes)
      self.pipes = pipes
    }

    deinit { close(pipes[0]) }

    func pass() {
      entered.add(1, ordering: .sequentiallyConsistent)
      var waiting = pollfd(fd: pipes[0], events: Int16(POLLIN), revents: 0)
      poll(&waiting, 1, -1)
      left.add(1, ordering: .sequentiallyConsistent)
    }

    func open() { close(pipes[1]) }
  }

  private func code(_ body: () async throws(RPCError) -> Void) async -> RPCError.Code? {
    do throws(RPCError) {
      try await body()
      return nil
    } catch {
      return error.code
    }
  }

  /// Asks again until it is so. Other tests may keep both processors of a small machine busy for a minute.
  private func eventually(_ condition: () async -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(180)
    while ContinuousClock.now < end {
      if await condition() { return true }
      await Task.yield()
    }
    return false
  }

  @Test("a call that hangs is left behind at its limit, and a third like it isn't started")
  func stuckPerSubject() async {
    let threads = RPCThreads()
    let gate = Gate()
    for _ in 0..<RPCThreads.stuckPerSubject {
      let code = await code { () throws(RPCError) in
        try await threads.run("host a", within: .milliseconds(20)) { _ in gate.pass() }
      }
      #expect(code == .timedOut)
    }
    let third = await code { () throws(RPCError) in
      try await threads.run("host a", within: .seconds(3_600)) { _ in gate.pass() }
    }
    #expect(third == .busy)
    #expect(gate.entered.load(ordering: .sequentiallyConsistent) <= RPCThreads.stuckPerSubject)
    let other = await code { () throws(RPCError) in
      try await threads.run("host b", within: .seconds(30)) { _ in }
    }
    #expect(other == nil, "another host isn't concerned")

    gate.open()
    let isFreeAgain = await eventually {
      await code { () throws(RPCError) in try await threads.run("host a", within: .seconds(30)) { _ in } }
        == nil
    }
    #expect(isFreeAgain, "once the hanging calls are over, calls are started again")
  }

  @Test("calls hanging at many hosts are bounded altogether")
  func stuckAltogether() async {
    let threads = RPCThreads()
    let gate = Gate()
    for index in 0..<RPCThreads.stuckAltogether {
      let code = await code { () throws(RPCError) in
        try await threads.run("host \(index)", within: .milliseconds(20)) { _ in gate.pass() }
      }
      #expect(code == .timedOut)
    }
    for index in 0..<100 {
      let code = await code { () throws(RPCError) in
        try await threads.run("new host \(index)", within: .seconds(3_600)) { _ in gate.pass() }
      }
      #expect(code == .busy)
    }
    #expect(gate.entered.load(ordering: .sequentiallyConsistent) <= RPCThreads.stuckAltogether)
    gate.open()
    let allLeft = await eventually {
      gate.left.load(ordering: .sequentiallyConsistent) == RPCThreads.stuckAltogether
    }
    #expect(allLeft)
  }

  @Test("calls that hang don't hold up the cooperative pool")
  func poolStaysFree() async {
    let threads = RPCThreads()
    let gate = Gate()
    await withTaskGroup(of: RPCError.Code?.self) { group in
      for index in 0..<RPCThreads.runningAltogether {
        group.addTask {
          await code { () throws(RPCError) in
            try await threads.run("host \(index)", within: .seconds(3_600)) { _ in gate.pass() }
          }
        }
      }
      // Each is in its own thread at the same time; on the pool only as many as the machine has processors.
      let allIn = await eventually {
        gate.entered.load(ordering: .sequentiallyConsistent) == RPCThreads.runningAltogether
      }
      #expect(allIn)
      let oneMore = await code { () throws(RPCError) in
        try await threads.run("one more", within: .seconds(3_600)) { _ in gate.pass() }
      }
      #expect(oneMore == .busy)
      gate.open()
      for await code in group { #expect(code == nil) }
    }
  }

  @Test("values and errors of the call come back")
  func results() async throws {
    let threads = RPCThreads()
    #expect(try await threads.run("host", within: .seconds(30)) { _ in 42 } == 42)
    let error = await #expect(throws: RPCError.self) {
      try await threads.run("host", within: .seconds(30)) { _ throws(RPCError) -> Int in
        throw RPCError(.rejected, "no")
      }
    }
    #expect(error == RPCError(.rejected, "no"))
  }

  @Test("a deadline counts down to 0 and not below")
  func deadline() {
    #expect((1...3_600_001).contains(Deadline(after: .seconds(3_600)).milliseconds))
    #expect(Deadline(after: .seconds(-5)).milliseconds == 0)
    #expect(Deadline(after: .zero).milliseconds == 0)
    #expect(Deadline(after: .seconds(1_000_000_000)).milliseconds > 0)
  }
}
