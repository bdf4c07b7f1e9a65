import Testing

@testable import Cluster

@Suite("A dead daemon is restarted once (C6)")
struct DaemonWatchdogTests {
  private static let problem = "connection refused"

  private static func well() -> DaemonWatchdog {
    var dog = DaemonWatchdog(settings: DaemonWatchdog.Settings(), now: at(.seconds(0)))
    #expect(dog.onProbe(nil, now: at(.seconds(1))) == [])
    #expect(dog.standing == .well)
    return dog
  }

  @Test func oneFailureIsNoDeath() {
    var dog = Self.well()
    for second in stride(from: 2, to: 40, by: 2) {
      #expect(dog.onProbe(Self.problem, now: at(.seconds(second))) == [])
      #expect(dog.onProbe(nil, now: at(.seconds(second + 1))) == [])
    }
    #expect(dog.restarts == 0)
  }

  @Test func aRestartThatHelpsIsCounted() {
    var dog = Self.well()
    #expect(dog.onProbe(Self.problem, now: at(.seconds(2))) == [])
    #expect(dog.onProbe(Self.problem, now: at(.seconds(3))) == [.restart])
    // What is asked while the command runs says nothing.
    #expect(dog.onProbe(Self.problem, now: at(.seconds(30))) == [])
    dog.onRestarted(problem: nil, now: at(.seconds(31)))
    #expect(dog.onProbe(Self.problem, now: at(.seconds(32))) == [])
    #expect(dog.standing == .restarting)
    #expect(dog.onProbe(nil, now: at(.seconds(33))) == [])
    #expect(dog.standing == .well && dog.restarts == 1)
  }

  @Test func aRestartThatDoesNotHelpIsTheLast() {
    var dog = Self.well()
    _ = dog.onProbe(Self.problem, now: at(.seconds(2)))
    #expect(dog.onProbe(Self.problem, now: at(.seconds(3))) == [.restart])
    dog.onRestarted(problem: nil, now: at(.seconds(4)))
    #expect(dog.onProbe(Self.problem, now: at(.seconds(13))) == [])
    #expect(dog.standing == .restarting)
    #expect(dog.onProbe(Self.problem, now: at(.seconds(14))) == [])
    #expect(dog.standing == .dead("its restart did not help: connection refused"))
    for second in 15..<100 { #expect(dog.onProbe(Self.problem, now: at(.seconds(second))) == []) }
    #expect(dog.restarts == 1)
  }

  @Test func aCommandThatFailsDoesNotHelp() {
    var dog = Self.well()
    _ = dog.onProbe(Self.problem, now: at(.seconds(2)))
    #expect(dog.onProbe(Self.problem, now: at(.seconds(3))) == [.restart])
    dog.onRestarted(problem: "exit status 1", now: at(.seconds(4)))
    #expect(dog.standing == .dead("it could not be restarted: exit status 1"))
  }

  @Test func whatDiesAgainTooSoonIsNotRestartedAgain() {
    var dog = Self.well()
    for (dies, isRestarted) in [(100, true), (600, false)] {
      _ = dog.onProbe(Self.problem, now: at(.seconds(dies)))
      #expect(dog.onProbe(Self.problem, now: at(.seconds(dies + 1))) == (isRestarted ? [.restart] : []))
      dog.onRestarted(problem: nil, now: at(.seconds(dies + 2)))
      _ = dog.onProbe(nil, now: at(.seconds(dies + 3)))
    }
    // It answered once since: not enough for a daemon that was given up.
    #expect(dog.standing == .dead("it died again within 10m of its restart: connection refused"))
    _ = dog.onProbe(nil, now: at(.seconds(605)))
    #expect(dog.standing == .well)
    // And after a quiet time it is restarted once more.
    _ = dog.onProbe(Self.problem, now: at(.seconds(2000)))
    #expect(dog.onProbe(Self.problem, now: at(.seconds(2001))) == [.restart])
    #expect(dog.restarts == 2)
  }

  @Test func aSlowStartIsNoDeath() {
    var dog = DaemonWatchdog(settings: DaemonWatchdog.Settings(), now: at(.seconds(0)))
    for second in 1..<10 { #expect(dog.onProbe(Self.problem, now: at(.seconds(second))) == []) }
    #expect(dog.standing == .starting)
    #expect(dog.onProbe(Self.problem, now: at(.seconds(10))) == [.restart])
  }
}
