import Glibc
import NodeHost
import Testing

@Suite("A thread that runs tasks", .timeLimit(.minutes(30)))
struct ThreadExecutorTests {
  /// An actor without an executor of its own, as the daemon's are.
  private actor Place {
    func thread() -> pthread_t { pthread_self() }
  }

  @Test("What prefers it runs on its one thread, actors and child tasks too")
  func oneThread() async throws {
    let executor = try ThreadExecutor(name: "lf-test")
    defer { executor.stop() }
    let place = Place()
    let threads = await withTaskExecutorPreference(executor) {
      await withTaskGroup(of: pthread_t.self) { group in
        for number in 0..<50 {
          group.addTask {
            await Task.yield()
            return number.isMultiple(of: 2) ? pthread_self() : await place.thread()
          }
        }
        return await group.reduce(into: Set<pthread_t>()) { $0.insert($1) }
      }
    }
    #expect(threads.count == 1)
    #expect(!threads.contains(pthread_self()))
  }

  @Test("It wakes sleepers in the order of their moments, whoever asked first")
  func sleepers() async throws {
    let executor = try ThreadExecutor(name: "lf-test")
    defer { executor.stop() }
    let clock = executor.clock
    let woken = await withTaskExecutorPreference(executor) {
      await withTaskGroup(of: Int.self) { group in
        for place in [3, 1, 2] {
          group.addTask {
            let began = BootClock.now
            try? await clock.sleep(for: .milliseconds(40 * place))
            #expect(BootClock.now - began >= .milliseconds(40 * place - 1))
            return place
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
    }
    #expect(woken == [1, 2, 3])
  }

  @Test("Who sleeps with a tolerance wakes together with others, or at its end, never before its moment")
  func tolerance() async throws {
    let executor = try ThreadExecutor(name: "lf-test")
    defer { executor.stop() }
    let clock = executor.clock
    try await withTaskExecutorPreference(executor) {
      // A thread that is off its processor wakes late, and then with whoever's moment has come meanwhile: not each time.
      var (wokeTogether, wokeAtItsEnd) = (false, false)
      for _ in 0..<100 where !(wokeTogether && wokeAtItsEnd) {
        let began = BootClock.now
        async let together: Duration = {
          try await clock.sleep(for: .milliseconds(20), tolerance: .seconds(3600))
          return BootClock.now - began
        }()
        try await clock.sleep(for: .milliseconds(10))
        try await clock.sleep(for: .milliseconds(30))
        let took = try await together
        #expect(took >= .milliseconds(19))
        if took >= .milliseconds(38) { wokeTogether = true }
        let last = BootClock.now
        try await clock.sleep(for: .milliseconds(5), tolerance: .milliseconds(20))
        let slept = BootClock.now - last
        #expect(slept >= .milliseconds(4))
        if slept >= .milliseconds(24) { wokeAtItsEnd = true }
      }
      #expect(wokeTogether && wokeAtItsEnd)
    }
  }

  @Test("Cancellation ends a sleep, from any thread, before and after it began")
  func cancelled() async throws {
    let executor = try ThreadExecutor(name: "lf-test")
    defer { executor.stop() }
    let clock = executor.clock
    for pause in [Duration.zero, .milliseconds(20)] {
      let sleeper = Task { try await clock.sleep(for: .seconds(3600)) }
      try await Task.sleep(for: pause)
      sleeper.cancel()
      await #expect(throws: CancellationError.self) { try await sleeper.value }
    }
  }
}
