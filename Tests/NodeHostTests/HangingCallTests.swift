import CLinux
import Foundation
import Glibc
import Synchronization
import Testing

@testable import NodeHost

/// Real threads that really block: in poll(2), until the test lets them go.
@Suite("Calls that may hang, on a thread that runs tasks", .timeLimit(.minutes(30)))
struct HangingCallTests {
  /// A call that blocks until it is let go.
  private final class Hanging: Sendable {
    private let signal: ThreadSignal
    private let state = Mutex((begun: false, ended: false))

    init() throws { signal = try ThreadSignal() }

    var hasBegun: Bool { state.withLock { $0.begun } }
    var hasEnded: Bool { state.withLock { $0.ended } }

    func block() {
      state.withLock { $0.begun = true }
      signal.wait(for: nil)
      state.withLock { $0.ended = true }
    }

    func letGo() { signal.raise() }
  }

  /// Counts how often it ran, and whether it ever ran beside itself.
  private final class Pipe: ThreadSource {
    let ends: (read: Int32, write: Int32)
    let hanging: Hanging?
    private let state = Mutex((runs: 0, ended: 0, bytes: 0, isRunning: false, wasBesideItself: false))
    private let period: Duration

    init(hanging: Hanging? = nil, period: Duration = .seconds(3600)) throws {
      var numbers: (read: Int32, write: Int32) = (-1, -1)
      try #require(lfh_pipe(&numbers.read, &numbers.write) == 0)
      ends = numbers
      (self.hanging, self.period) = (hanging, period)
    }

    deinit {
      close(ends.read)
      close(ends.write)
    }

    var descriptor: Int32 { ends.read }
    var runs: Int { state.withLock { $0.runs } }
    var runsEnded: Int { state.withLock { $0.ended } }
    var bytes: Int { state.withLock { $0.bytes } }
    var wasBesideItself: Bool { state.withLock { $0.wasBesideItself } }

    func put() throws {
      var byte: UInt8 = 1
      try mustSucceed(Int32(Glibc.write(ends.write, &byte, 1)) - 1, "write")
    }

    func run() -> ThreadSourceRest {
      state.withLock { state in
        if state.isRunning { state.wasBesideItself = true }
        state.isRunning = true
        state.runs += 1
      }
      var found = [UInt8](repeating: 0, count: 64)
      let count = Glibc.read(ends.read, &found, found.count)
      if count > 0 { hanging?.block() }
      state.withLock { state in
        state.isRunning = false
        state.ended += 1
        if count > 0 { state.bytes += count }
      }
      return ThreadSourceRest(earliest: period, tolerance: .zero)
    }
  }

  /// How many threads of this process have the name.
  private func threads(_ name: String) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count { task in
      let found = try? String(contentsOfFile: "/proc/self/task/\(task)/comm", encoding: .utf8)
      return found?.trimmingCharacters(in: .whitespacesAndNewlines) == name
    }
  }

  /// Returns, from a call, where that ran.
  private func end(of executor: ThreadExecutor) async -> pthread_t {
    while true {
      let thread: pthread_t? = await withCheckedContinuation { done in
        let begins = executor.call { done.resume(returning: pthread_self()) }
        if !begins { done.resume(returning: nil) }
      }
      // Refused where whoever stood in has just taken over, and there is no other thread.
      if let thread { return thread }
      await Task.yield()
    }
  }

  /// Refused for as long as whoever stood in has just taken over.
  private func begin(_ hanging: Hanging, on executor: ThreadExecutor) async throws {
    try await eventually("the call is taken") { executor.call { hanging.block() } }
    try await eventually("it hangs") { hanging.hasBegun }
  }

  @Test(
    "Tasks go on while calls hang, each on another thread; afterwards there are no more threads than before")
  func hangs() async throws {
    let executor = try ThreadExecutor(name: "lf-t-hangs")
    let calls = try (0..<5).map { _ in try Hanging() }
    defer {
      for call in calls { call.letGo() }
      executor.stop()
    }
    try await withTaskExecutorPreference(executor) {
      for call in calls {
        #expect(executor.call { call.block() })
        // By the executor's own clock, so that the thread that woke this task has taken over.
        while !call.hasBegun { try await executor.clock.sleep(for: .milliseconds(1)) }
      }
      #expect(calls.allSatisfy { !$0.hasEnded })
      _ = await end(of: executor)
    }
    #expect(try threads("lf-t-hangs") >= 6)
    for call in calls { call.letGo() }
    try await eventually("the calls end") { calls.allSatisfy(\.hasEnded) }
    _ = await end(of: executor)
    try await eventually("two stand in") { try threads("lf-t-hangs") == 3 }
  }

  @Test("A call that ends in time stays on the thread of the tasks")
  func short() async throws {
    let executor = try ThreadExecutor(name: "lf-t-short")
    defer { executor.stop() }
    // On a busy machine one of them may be off its processor for longer than is waited for it.
    var isSame = false
    for _ in 0..<1000 where !isSame {
      isSame = await withTaskExecutorPreference(executor) {
        let here = { pthread_self() }
        return await end(of: executor) == here()
      }
    }
    #expect(isSame)
  }

  /// Tasks that keep the thread busy all the time.
  private func keepBusy(_ executor: ThreadExecutor) -> Task<Void, Never> {
    Task(executorPreference: executor) { while !Task.isCancelled { await Task.yield() } }
  }

  @Test("Calls and sources run beside tasks that never end")
  func busy() async throws {
    let executor = try ThreadExecutor(name: "lf-t-busy")
    defer { executor.stop() }
    let tasks = keepBusy(executor)
    defer { tasks.cancel() }
    for _ in 0..<200 { _ = await end(of: executor) }
    let source = try Pipe()
    executor.attach(source)
    for sent in 1...20 {
      try source.put()
      try await eventually("it is read") { source.bytes == sent }
    }
  }

  @Test("Calls run beside a source that always has something to read, and it beside them")
  func eager() async throws {
    let executor = try ThreadExecutor(name: "lf-t-eager")
    defer { executor.stop() }
    let source = try Pipe(period: .zero)
    executor.attach(source)
    for _ in 0..<20 {
      let runs = source.runs
      try await eventually("both run") {
        _ = await end(of: executor)
        return source.runs > runs
      }
    }
  }

  @Test("A source runs at once, when there is something to read, and never beside itself")
  func source() async throws {
    let executor = try ThreadExecutor(name: "lf-t-source")
    defer { executor.stop() }
    let hanging = try Hanging()
    defer { hanging.letGo() }
    let (slow, quick) = (try Pipe(hanging: hanging), try Pipe())
    executor.attach(slow)
    executor.attach(quick)
    try await eventually("both have run") { slow.runsEnded == 1 && quick.runsEnded == 1 }
    try slow.put()
    try await eventually("it hangs") { hanging.hasBegun }
    try slow.put()
    for sent in 1...20 {
      try quick.put()
      try await eventually("the other one runs") { quick.bytes == sent }
    }
    #expect(slow.runs == 2)
    hanging.letGo()
    try await eventually("what came meanwhile is read") { slow.bytes == 2 }
    #expect(!slow.wasBesideItself && !quick.wasBesideItself)
  }

  @Test("A source runs again when its time has come, and never after it was detached")
  func periodic() async throws {
    let executor = try ThreadExecutor(name: "lf-t-period")
    defer { executor.stop() }
    let source = try Pipe(period: .milliseconds(5))
    executor.attach(source)
    try await eventually("it runs") { source.runs >= 3 }
    executor.detach(source)
    _ = await end(of: executor)
    let runs = source.runs
    try source.put()
    for _ in 0..<10 { try await executor.clock.sleep(for: .milliseconds(10)) }
    // One may have been under way.
    #expect(source.runs <= runs + 1)
  }

  @Test("After a stop all threads end, also those that come back from a call later")
  func stops() async throws {
    let executor = try ThreadExecutor(name: "lf-t-stops")
    let hanging = try Hanging()
    defer { hanging.letGo() }
    try await begin(hanging, on: executor)
    _ = await end(of: executor)
    executor.stop()
    try await eventually("only the one that hangs is left") { try threads("lf-t-stops") == 1 }
    hanging.letGo()
    try await eventually("none is left") { try threads("lf-t-stops") == 0 }
  }

  /// Threads of which there are so many and no more.
  private final class Supply: Sendable {
    private let left: Mutex<Int>
    private let asked = Mutex(0)

    init(_ count: Int) { left = Mutex(count) }

    var timesAsked: Int { asked.withLock { $0 } }

    func give(_ count: Int) { left.withLock { $0 += count } }

    func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(NodeHostError) {
      asked.withLock { $0 += 1 }
      let isThere = left.withLock { left in
        defer { left = max(left - 1, 0) }
        return left > 0
      }
      guard isThere else { throw NodeHostError(EAGAIN, "can't start a thread") }
      try OwnThread.start(name, body)
    }
  }

  @Test("Where the machine has no thread left, one call may hang, and calls, tasks and sources go on")
  func noThreadLeft() async throws {
    let supply = Supply(3)
    let executor = try ThreadExecutor(name: "lf-t-none", startThread: supply.start)
    let calls = try (0..<2).map { _ in try Hanging() }
    defer {
      for call in calls { call.letGo() }
      executor.stop()
    }
    let source = try Pipe()
    executor.attach(source)
    try await begin(calls[0], on: executor)
    for sent in 1...5 {
      _ = await end(of: executor)
      try source.put()
      try await eventually("the source runs") { source.bytes == sent }
    }
    // A second one takes the last that stood in: tasks alone go on, and whoever wants a call is told.
    try await begin(calls[1], on: executor)
    try await eventually("calls are refused") { !executor.call {} }
    // Nothing waits for a thread: then none is waited for, either.
    for _ in 0..<3 { try await executor.clock.sleep(for: .milliseconds(50)) }
    let rounds = executor.rounds
    for _ in 0..<5 { try await executor.clock.sleep(for: .milliseconds(50)) }
    #expect(executor.rounds - rounds < 1000)
    try source.put()
    let began = BootClock.now
    let asked = supply.timesAsked
    for _ in 0..<5 { try await executor.clock.sleep(for: .milliseconds(50)) }
    // It neither spins nor gives up.
    #expect(supply.timesAsked - asked <= Int((BootClock.now - began) / .milliseconds(100)) + 1)
    #expect(source.bytes == 5)
    supply.give(1)
    try await eventually("the source runs with the next thread") { source.bytes == 6 }
    _ = await end(of: executor)
    for call in calls { call.letGo() }
    try await eventually("both end") { calls.allSatisfy(\.hasEnded) }
    try await eventually("two stand in") { try threads("lf-t-none") == 3 }
  }

  @Test("What waits for a thread runs when one comes back")
  func comesBack() async throws {
    let supply = Supply(2)
    let executor = try ThreadExecutor(name: "lf-t-back", startThread: supply.start)
    let hanging = try Hanging()
    defer {
      hanging.letGo()
      executor.stop()
    }
    let source = try Pipe()
    executor.attach(source)
    try await eventually("it runs") { source.runsEnded == 1 }
    try await begin(hanging, on: executor)
    try await eventually("calls are refused") { !executor.call {} }
    try source.put()
    hanging.letGo()
    try await eventually("the source runs") { source.bytes == 1 }
    _ = await end(of: executor)
  }
}
