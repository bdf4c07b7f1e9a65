import Foundation
import Synchronization
import Testing

@testable import Sidecar
@testable import lockferry

@Suite("The command line and its exit statuses (M10)", .timeLimit(.minutes(30)))
struct CommandLineTests {
  @Test func validateSaysEverythingThatIsWrong() async throws {
    try await withFolder { folder in
      try smallNodeFile.write(toFile: folder + "/good.yaml", atomically: true, encoding: .utf8)
      let good = try await BuiltLockferry.run("validate", folder + "/good.yaml", in: folder)
      #expect(good.status == 0)
      #expect(good.output == "\(folder)/good.yaml: node a, 1 service, well-formed\n")
      let bad = smallNodeFile.replacing("fence: none", with: "fence: maybe").replacing(
        "node: a", with: "nod: a")
      try bad.write(toFile: folder + "/bad.yaml", atomically: true, encoding: .utf8)
      let outcome = try await BuiltLockferry.run("validate", folder + "/bad.yaml", in: folder)
      #expect(outcome.status == 78)
      #expect(outcome.output.isEmpty)
      let lines = outcome.complaint.split(separator: "\n")
      #expect(lines.count == 3)
      #expect(lines.allSatisfy { $0.hasPrefix("lockferry: \(folder)/bad.yaml:") })
      #expect(lines.last?.contains("bad.yaml:8:12: services[0].fence: `maybe` must be none") == true)
      #expect(try await BuiltLockferry.run("validate", folder + "/none.yaml", in: folder).status == 78)
      #expect(try await BuiltLockferry.run("run", "--config", folder + "/bad.yaml", in: folder).status == 78)
    }
  }

  @Test func usageErrorsAre64() async throws {
    try await withFolder { folder in
      #expect(try await BuiltLockferry.run("migrate", in: folder).status == 64)
      #expect(try await BuiltLockferry.run("no-such-verb", in: folder).status == 64)
      #expect(try await BuiltLockferry.run("status", "-o", "xml", in: folder).status == 64)
      #expect(
        try await BuiltLockferry.run("status", "--socket", "/a", "--config", "/b", in: folder).status == 64)
      #expect(try await BuiltLockferry.run("migrate", "home", "--to", "a/b", in: folder).status == 64)
      #expect(
        try await BuiltLockferry.run("migrate", "home", "--to", "b", "--timeout", "5", in: folder).status
          == 64)
      let unforced = try await BuiltLockferry.run(
        "migrate", "home", "--to", "b", "--fence-confirmed", in: folder)
      #expect(unforced.status == 64)
      let help = try await BuiltLockferry.run("--help", in: folder)
      #expect(help.status == 0)
      #expect(help.output.contains("migrate"))
    }
  }

  /// B2: `lockferry notify` is for a service or for a directory, not for both.
  @Test func notifyTakesAServiceOrADirectory() async throws {
    try await withFolder { folder in
      for arguments in [
        [], ["home", "--state-dir", folder], ["home", "--from", "10.0.0.1"], ["home", "--keep-state"],
        ["home", "--timeout", "5s"], ["--state-dir", folder, "--timeout", "5s"],
        ["--state-dir", folder, "--name", ""],
        ["--state-dir", folder, "--name", String(repeating: "n", count: 1_025)],
        ["--state-dir", folder] + (0...30).flatMap { ["--name", "n\($0)"] },
        ["--state-dir", folder, "--force"], ["--state-dir", folder, "--socket", "/s"],
        ["--state-dir", folder, "--from", "nfs.example.com"],
        ["--state-dir", folder, "--from", "10.0.0.1", "--from", "10.0.0.2"],
      ] {
        #expect(try await BuiltLockferry.run(["notify"] + arguments, in: folder).status == 64, "\(arguments)")
      }
      let missing = try await BuiltLockferry.run(
        ["notify", "--state-dir", folder + "/none", "--name", "nfs"], in: folder)
      #expect(missing.status == 105)
      #expect(missing.complaint.contains(folder + "/none/sm"))
    }
  }

  @Test func aNotificationIsWaitedForAndShown() async throws {
    let daemon = ScriptedDaemon()
    try await withControlEndpoint(daemon) { folder in
      let socket = folder + "/control.sock"
      let refused = try await BuiltLockferry.run("notify", "home", "--socket", socket, in: folder)
      #expect(refused.status == 107)
      let told = try await BuiltLockferry.run(
        "notify", "home", "--force", "--wait", "--socket", socket, in: folder)
      #expect(told.status == 0)
      #expect(told.output == "service home: 5 of 5 told, 100/s, 40 s of grace left (all were told)\n")
      #expect(daemon.notifications.withLock { $0.count } == 1)
    }
  }

  @Test func whoWaitsForANotificationWaitsNoLongerThanHeSaid() async throws {
    try await withControlEndpoint(ScriptedDaemon()) { folder in
      let late = try await BuiltLockferry.run(
        "notify", "home", "--force", "--wait", "--timeout", "300ms", "--socket", folder + "/control.sock",
        in: folder)
      #expect(late.status == 124)
      #expect(late.complaint.contains("of 5 clients of home were not told within 300ms; it goes on"))
    }
  }

  /// B2: nothing is claimed of a grace period of which nothing is known.
  @Test func aGracePeriodThatIsNotKnownIsCalledSo() {
    var status = NotificationStatus(
      service: "home", epoch: 3, stateNumber: 7, all: 5, told: 2, underWay: 1, milliseconds: 2_000,
      graceLeftMilliseconds: nil)
    #expect(
      NotificationDisplay.line(status)
        == "service home: 2 of 5 told, 1 answering, 1/s, what is left of the grace period is not known")
    status.graceLeftMilliseconds = 0
    #expect(NotificationDisplay.line(status).hasSuffix("the grace period is over"))
  }

  /// B7
  @Test func aDrillSaysWhoWasNotReached() async throws {
    try await withControlEndpoint(ScriptedDaemon()) { folder in
      let socket = folder + "/control.sock"
      let good = try await BuiltLockferry.run("drill", "home", "--socket", socket, in: folder)
      #expect(good.status == 0)
      #expect(good.output.hasPrefix("2 of 2 clients of home reached from b in 4 ms; "))
      let bad = try await BuiltLockferry.run(
        "drill", "home", "--for", "500ms", "--socket", socket, in: folder)
      #expect(bad.status == 1)
      #expect(bad.output.contains("no answer"))
      #expect(try await BuiltLockferry.run("drill", "none", "--socket", socket, in: folder).status == 105)
      #expect(try await BuiltLockferry.run("drill", "home", "--for", "26s", in: folder).status == 64)
    }
  }

  @Test func anEntryThatIsNotInTheHistoryIsNotShown() async throws {
    try await withControlEndpoint(ScriptedDaemon()) { folder in
      let socket = folder + "/control.sock"
      for arguments in [["3"], ["3", "--service", "home"], ["2", "--service", "work"]] {
        let missing = try await BuiltLockferry.run(
          ["history", "show"] + arguments + ["--socket", socket], in: folder)
        #expect(missing.status == 105, "\(arguments)")
      }
      for wrong in ["0", "x"] {
        #expect(
          try await BuiltLockferry.run("history", "show", wrong, "--socket", socket, in: folder).status == 64)
      }
      for arguments in [["2"], ["2", "--service", "home"]] {
        let shown = try await BuiltLockferry.run(
          ["history", "show"] + arguments + ["-o", "json", "--socket", socket], in: folder)
        #expect(try JSONDecoder().decode(HistoryEntry.self, from: Data(shown.output.utf8)) == .adoption)
      }
      let listed = try await BuiltLockferry.run("history", "home", "--socket", socket, in: folder)
      #expect(listed.status == 0)
    }
  }

  @Test func withoutADaemonItSaysWhereItLooked() async throws {
    try await withFolder { folder in
      let path = folder + "/control.sock"
      for arguments in [["records"], ["history"], ["thaw", "home"], ["migrate", "home", "--to", "b"]] {
        let outcome = try await BuiltLockferry.run(arguments + ["--socket", path], in: folder)
        #expect(outcome.status == 69)
      }
      let status = try await BuiltLockferry.run("status", "--socket", path, in: folder)
      #expect(status.status == 69)
      #expect(status.complaint == "lockferry: is the daemon running? looked at \(path): there is no socket\n")
    }
  }

  @Test func theNodeFileSaysWhereTheDaemonIs() async throws {
    try await withControlEndpoint(ScriptedDaemon()) { folder in
      let file = folder + "/node.yaml"
      try (smallNodeFile + "\nrun_directory: \(folder)").write(
        toFile: file, atomically: true, encoding: .utf8)
      let status = try await BuiltLockferry.run("status", "--config", file, "-o", "json", in: folder)
      #expect(status.status == 0)
      #expect(try JSONDecoder().decode(NodeStatus.self, from: Data(status.output.utf8)) == .well)
      #expect(try await BuiltLockferry.run("status", "--config", folder + "/none", in: folder).status == 78)
    }
  }

  @Test func questionsAreAnsweredInEveryFormat() async throws {
    try await withControlEndpoint(ScriptedDaemon()) { folder in
      let socket = folder + "/control.sock"
      let table = try await BuiltLockferry.run("status", "--socket", socket, in: folder)
      #expect(table.status == 0)
      #expect(table.output.hasPrefix("NODE  STATE"))
      #expect(!table.output.contains("\u{1b}"))
      let yaml = try await BuiltLockferry.run("records", "home", "-o", "yaml", "--socket", socket, in: folder)
      #expect(yaml.output.hasPrefix("- bytes: 94\n"))
      let history = try await BuiltLockferry.run(
        "history", "home", "--output", "json", "--socket", socket, in: folder)
      #expect(try JSONDecoder().decode([HistoryEntry].self, from: Data(history.output.utf8)).isEmpty)
    }
  }

  @Test func refusalsOfTheDaemonAreExitStatuses() async throws {
    let daemon = ScriptedDaemon()
    try await withControlEndpoint(daemon) { folder in
      let socket = folder + "/control.sock"
      let storeless = try await BuiltLockferry.run("records", "storeless", "--socket", socket, in: folder)
      #expect(storeless.status == 69)
      #expect(storeless.complaint == "lockferry: the store directory:/srv does not answer\n")
      #expect(try await BuiltLockferry.run("records", "none", "--socket", socket, in: folder).status == 105)
      #expect(try await BuiltLockferry.run("thaw", "none", "--socket", socket, in: folder).status == 105)
      #expect(try await BuiltLockferry.run("thaw", "home", "--socket", socket, in: folder).status == 0)
      #expect(daemon.thawed.withLock { $0 } == ["home"])
      let exists = try await BuiltLockferry.run(
        "migrate", "work", "--to", "b", "--socket", socket, in: folder)
      #expect(exists.status == 108)
      let unmet = try await BuiltLockferry.run("migrate", "home", "--to", "z", "--socket", socket, in: folder)
      #expect(unmet.status == 113)
    }
  }

  @Test func aMigrationIsAskedForAndAwaited() async throws {
    let daemon = ScriptedDaemon(pollsUntilDone: 2)
    try await withControlEndpoint(daemon) { folder in
      let socket = folder + "/control.sock"
      let planned = try await BuiltLockferry.run(
        "migrate", "home", "--to", "b", "--dry-run", "--socket", socket, in: folder)
      #expect(planned.status == 0)
      #expect(planned.output.hasPrefix("migration of service home: planned\n"))
      let started = try await BuiltLockferry.run(
        "migrate", "home", "--to", "b", "--socket", socket, in: folder)
      #expect(started.status == 0)
      #expect(started.output.hasPrefix("migration home/4 of service home: pending\n"))
      #expect(daemon.polls.withLock { $0 } == 0)
      let awaited = try await BuiltLockferry.run(
        "migrate", "home", "--to", "b", "--wait", "--because", "overload", "--socket", socket, in: folder)
      #expect(awaited.status == 0)
      #expect(awaited.output.hasPrefix("migration home/4 of service home: done\n"))
      let requests = daemon.requests.withLock { $0 }
      #expect(requests.map(\.dryRun) == [true, false, false])
      #expect(requests.last?.because == "overload")
      #expect(requests.allSatisfy { !$0.actor.isEmpty && !$0.force })
    }
  }

  @Test func aRequestThatWaitsIsTakenBack() async throws {
    try await withControlEndpoint(ScriptedDaemon()) { folder in
      let socket = folder + "/control.sock"
      let cancelled = try await BuiltLockferry.run(
        "service", "cancel", "home", "m-1", "--because", "not today", "--socket", socket, in: folder)
      #expect(cancelled.status == 0)
      #expect(cancelled.output.hasPrefix("request m-1 of service home: cancelled\nproblem: cancelled by "))
      #expect(cancelled.output.hasSuffix(": not today\n"))
      let late = try await BuiltLockferry.run(
        "service", "cancel", "home", "m-0", "--socket", socket, in: folder)
      #expect(late.status == 113)
      let unknown = try await BuiltLockferry.run(
        "service", "cancel", "nowhere", "m-1", "--socket", socket, in: folder)
      #expect(unknown.status == 105)
    }
  }

  @Test func servicesAreOpenedAndClosedAndTakenOfflineAndHome() async throws {
    let daemon = ScriptedDaemon(pollsUntilDone: 1)
    try await withControlEndpoint(daemon) { folder in
      let socket = folder + "/control.sock"
      for words in [
        ["service", "open", "home"], ["service", "offline", "home", "--wait"], ["service", "online", "home"],
        ["service", "close", "home"], ["failback", "home", "--because", "new disks"],
      ] {
        let outcome = try await BuiltLockferry.run(words + ["--socket", socket], in: folder)
        #expect(outcome.status == 0, "\(outcome.complaint)")
      }
      let refused = try await BuiltLockferry.run(
        "service", "close", "home", "--forget", "--socket", socket, in: folder)
      #expect(refused.status == 107)
      #expect(refused.complaint.contains("say --forget-confirmed"))
      let forgotten = try await BuiltLockferry.run(
        "service", "close", "home", "--forget", "--forget-confirmed", "--socket", socket, in: folder)
      #expect(forgotten.output.hasPrefix("closing home/4 of service home: pending\n"))
      // Of a node: what is away from it.
      let none = try await BuiltLockferry.run("failback", "--node", "c", "--socket", socket, in: folder)
      #expect(none.status == 105)
      let requests = daemon.requests.withLock { $0 }
      #expect(requests.map(\.action) == ["open", "offline", "online", "close", "failback", "close"])
      #expect(requests.map(\.forget) == [false, false, false, false, false, true])
      let listed = try await BuiltLockferry.run("service", "list", "--socket", socket, in: folder)
      #expect(listed.output.contains("home     online  a      a     at home"))
    }
  }

  @Test func aNodeIsDrainedAndTheClusterPaused() async throws {
    let daemon = ScriptedDaemon(pollsUntilDone: 2)
    try await withControlEndpoint(daemon) { folder in
      let socket = folder + "/control.sock"
      let planned = try await BuiltLockferry.run(
        "node", "drain", "a", "--dry-run", "--socket", socket, in: folder)
      #expect(planned.output.contains("home     b"))
      #expect(daemon.marks.withLock { $0.isEmpty })
      let drained = try await BuiltLockferry.run(
        "node", "drain", "a", "--wait", "--because", "disks", "--socket", socket, in: folder)
      #expect(drained.status == 0)
      #expect(drained.output.contains("solo     stays    it has no other candidate"))
      #expect(!drained.output.contains("home  "))
      let unknown = try await BuiltLockferry.run("node", "undrain", "q", "--socket", socket, in: folder)
      #expect(unknown.status == 105)
      let paused = try await BuiltLockferry.run(
        "pause", "--because", "store work", "--socket", socket, in: folder)
      #expect(paused.output.hasPrefix("the cluster is PAUSED by "))
      let resumed = try await BuiltLockferry.run("resume", "--socket", socket, in: folder)
      #expect(resumed.output == "the cluster is not paused\n")
      #expect(daemon.marks.withLock { $0 } == ["drain a", "pause: store work", "resume"])
    }
  }

  @Test func aMigrationThatFailsOrTakesTooLongSaysSo() async throws {
    try await withControlEndpoint(ScriptedDaemon(outcome: "failed")) { folder in
      let failed = try await BuiltLockferry.run(
        "migrate", "home", "--to", "b", "--wait", "--socket", folder + "/control.sock", in: folder)
      #expect(failed.status == 1)
      #expect(failed.complaint == "lockferry: the fence said no\n")
    }
    try await withControlEndpoint(ScriptedDaemon(pollsUntilDone: .max)) { folder in
      let late = try await BuiltLockferry.run(
        "migrate", "home", "--to", "b", "--wait", "--timeout", "600ms", "--socket", folder + "/control.sock",
        in: folder)
      #expect(late.status == 124)
      #expect(late.complaint.contains("is still running after 600ms; it goes on"))
    }
  }

  @Test func forceWithoutATerminalNeedsTheFenceConfirmed() async throws {
    let daemon = ScriptedDaemon()
    try await withControlEndpoint(daemon) { folder in
      let socket = folder + "/control.sock"
      let refused = try await BuiltLockferry.run(
        "migrate", "home", "--to", "b", "--force", "--socket", socket, in: folder)
      #expect(refused.status == 107)
      #expect(refused.complaint.contains("then say --fence-confirmed, or run this on a terminal"))
      #expect(daemon.requests.withLock { $0.isEmpty })
      let planned = try await BuiltLockferry.run(
        "migrate", "home", "--to", "b", "--force", "--dry-run", "--socket", socket, in: folder)
      #expect(planned.status == 0)
      let confirmed = try await BuiltLockferry.run(
        "migrate", "home", "--to", "b", "--force", "--fence-confirmed", "--socket", socket, in: folder)
      #expect(confirmed.status == 0)
      #expect(daemon.requests.withLock { $0.map(\.fenceConfirmed) } == [false, true])
    }
  }

  /// script(1) gives the command a terminal whose input is what the test writes.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/script")))
  func onATerminalTheOwnersNameIsTyped() async throws {
    let daemon = ScriptedDaemon()
    try await withControlEndpoint(daemon) { folder in
      for (typed, status) in [("b", Int32(107)), ("a", 0)] {
        let script = """
          printf '%s\\n' \(typed) | /usr/bin/script -qec "$0 migrate home --to b --force --socket \(folder)/control.sock" /dev/null
          """
        let outcome = try await BuiltLockferry.run(
          [try BuiltLockferry.path()], in: folder, running: ["/bin/bash", "-c", script])
        #expect(outcome.status == status)
        #expect(outcome.output.contains("Node a owns service home. If it still serves, both will"))
      }
      #expect(daemon.requests.withLock { $0.map(\.fenceConfirmed) } == [true])
    }
  }

  @Test(.enabled(if: geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")))
  func strangersMayNotOpenTheSocket() async throws {
    try await withControlEndpoint(ScriptedDaemon()) { folder in
      // The build folder may be closed to strangers. Copied by another process: what this one had open for writing,
      // a child of another test would hold for a moment, and execve(2) would fail with ETXTBSY.
      let copy = folder + "/lockferry"
      let copied = try await BuiltLockferry.run(
        [try BuiltLockferry.path(), copy], in: folder, running: ["/bin/cp"])
      #expect(copied.status == 0)
      let stranger = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy]
      let outcome = try await BuiltLockferry.run(
        ["status", "--socket", folder + "/control.sock"], in: folder, running: stranger)
      #expect(outcome.status == 77)
      #expect(outcome.complaint.contains("only root and the members of control_group may open"))
    }
  }

  @Test func aDaemonThatDiedLeavesASocketThatSaysSo() async throws {
    try await withFolder { folder in
      close(bindSocket(folder + "/control.sock"))
      let outcome = try await BuiltLockferry.run("status", "--socket", folder + "/control.sock", in: folder)
      #expect(outcome.status == 69)
      #expect(outcome.complaint.contains("nobody listens"))
    }
  }
}
