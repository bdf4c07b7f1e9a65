import Glibc
import Synchronization
import Testing

@testable import NodeHost

private func shell(_ script: String, within limit: Duration = .seconds(60)) async -> CommandOutcome {
  await HostCommand.run(["/bin/sh", "-c", script], within: limit)
}

/// Runs `script` to its limit, with longer and longer ones until it got as far as printing something.
private func shellToItsLimit(_ script: String) async -> CommandOutcome {
  var limit = Duration.milliseconds(500)
  while true {
    let outcome = await shell(script, within: limit)
    if !outcome.output.isEmpty || limit > .seconds(60) { return outcome }
    limit = limit * 2
  }
}

/// The first number in a command's output: a process id that it printed.
private func pid(in output: String) throws -> Int32 {
  try #require(output.split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }.first)
}

@Suite("Host commands")
struct HostCommandTests {
  @Test("Exit status, signal and both outputs are told")
  func outcomes() async {
    let good = await shell("echo out; echo err >&2")
    #expect(good.succeeded)
    #expect(Set(good.output.split(separator: "\n")) == ["out", "err"])
    #expect(await shell("exit 3").status == .exited(3))
    #expect(await shell("kill -KILL $$").status == .signalled(SIGKILL))
  }

  @Test("A program may be told another host name, and nobody else is", .enabled(if: isRoot))
  func hostName() async throws {
    let file = "/proc/sys/kernel/hostname"
    let before = try readFile(file)
    let outcome = await HostCommand.run(
      ["/bin/cat", file], within: .seconds(60), hostName: "nfs.example.com")
    #expect(outcome == CommandOutcome(status: .exited(0), output: "nfs.example.com\n"))
    #expect(try readFile(file) == before)
  }

  @Test("What can't be started says why, and what to do")
  func notStarted() async throws {
    let folder = try TemporaryFolder()
    try writeFile(folder.path + "/text", "no program".utf8)
    try writeFile(folder.path + "/lost", "#!/no/such/interpreter\n".utf8, mode: 0o700)
    try writeFile(folder.path + "/bare", "echo no first line\n".utf8, mode: 0o700)
    let cases: [([String], String)] = [
      ([], "absolute path"), (["sh"], "absolute path"), (["/none"], "no such program"),
      ([folder.path + "/text"], "executable"), ([folder.path + "/lost"], "first line"),
      ([folder.path + "/bare"], "#!"), ([folder.path], "executable"), (["/bin/echo", "a\0b"], "NUL"),
    ]
    for (arguments, words) in cases {
      let outcome = await HostCommand.run(arguments, within: .seconds(60))
      guard case .notStarted(let reason) = outcome.status else {
        Issue.record("\(arguments): \(outcome)")
        continue
      }
      #expect(reason.contains(words), "\(reason)")
      #expect(!outcome.succeeded)
    }
  }

  @Test("The end of a long output is kept, without deadlock")
  func longOutput() async {
    let outcome = await shell("head -c 20000000 /dev/zero | tr '\\0' x; echo END")
    #expect(outcome.succeeded)
    #expect(outcome.output.utf8.count == OutputTail.capacity)
    #expect(outcome.output.hasSuffix("xEND\n"))
  }

  @Test("The child has no descriptor, signal mask or ignored signal of ours, its own group, and starts in /")
  func inheritance() async throws {
    // A descriptor that a library duplicated without O_CLOEXEC.
    let file = Glibc.open("/etc/hostname", O_RDONLY | O_CLOEXEC)
    try #require(file >= 0)
    let leaky = fcntl(file, F_DUPFD, 100)
    defer {
      close(leaky)
      close(file)
    }
    try #require(leaky >= 100)
    let descriptors = await HostCommand.run(["/bin/ls", "/proc/self/fd"], within: .seconds(60))
    // 3 is the folder that ls lists.
    #expect(descriptors.output.split(separator: "\n") == ["0", "1", "2", "3"])

    let signals = await HostCommand.run(
      ["/bin/grep", "-E", "SigBlk|SigIgn", "/proc/self/status"], within: .seconds(60))
    let lines = signals.output.split(separator: "\n")
    #expect(lines.first == "SigBlk:\t0000000000000000")
    let ignored = try #require(lines.last?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) })
    // glibc's posix_spawn leaves its two internal signals (32, 33) ignored; no program sees them.
    #expect(ignored & ~0x1_8000_0000 == 0)

    let place = await shell("pwd; read x; echo read $?; echo $$ $(cut -d' ' -f5 /proc/$$/stat)")
    let told = place.output.split(separator: "\n")
    #expect(told.prefix(2) == ["/", "read 1"])
    let ids = try #require(told.last).split(separator: " ")
    #expect(ids.count == 2 && ids[0] == ids[1])
  }

  @Test("Variables are added to the environment, and what systemd meant for the daemon alone is left out")
  func environment() async {
    await #expect(processExitsWith: .success) {
      setenv("NOTIFY_SOCKET", "/run/none", 1)
      setenv("WATCHDOG_USEC", "1", 1)
      setenv("LF_KEPT", "kept", 1)
      setenv("LF_CHANGED", "old", 1)
      let outcome = await HostCommand.run(
        ["/usr/bin/env"], environment: ["LF_CHANGED": "new", "LF_ADDED": "a=b c"], within: .seconds(60))
      let lines = Set(outcome.output.split(separator: "\n"))
      #expect(lines.isSuperset(of: ["LF_KEPT=kept", "LF_CHANGED=new", "LF_ADDED=a=b c"]))
      #expect(!lines.contains("LF_CHANGED=old"))
      #expect(!lines.contains { $0.hasPrefix("NOTIFY_SOCKET=") || $0.hasPrefix("WATCHDOG_USEC=") })
    }
  }

  @Test("At its limit the whole group is ended, also where it ignores SIGTERM")
  func limit() async throws {
    let outcome = await shellToItsLimit("trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1000; done")
    #expect(outcome.status == .timedOut)
    let child = try pid(in: outcome.output)
    try await eventually("the group is gone") { !isRunning(child) }
  }

  @Test("A program that ends itself on SIGTERM at its limit has timed out, and what it says then is kept")
  func politeAtLimit() async {
    // On a busy machine it may get no processor before it is killed.
    var isKept = false
    for _ in 0..<10 where !isKept {
      let outcome = await shellToItsLimit(
        "trap 'echo cleaned; exit 0' TERM; echo up; while :; do sleep 0.05; done")
      #expect(outcome.status == .timedOut)
      isKept = outcome.output.contains("cleaned")
    }
    #expect(isKept)
  }

  @Test("A process outside the group isn't touched at the limit")
  func outsideTheGroup() async throws {
    let outcome = await shellToItsLimit(
      "setsid sh -c 'echo $$; exec sleep 1000' & while :; do sleep 1000; done")
    #expect(outcome.status == .timedOut)
    let stranger = try pid(in: outcome.output)
    #expect(isRunning(stranger))
    kill(stranger, SIGKILL)
  }

  @Test("A process in the background that holds the output open isn't waited for, and isn't ended")
  func background() async throws {
    let outcome = await shell("sleep 1000 & echo $!")
    #expect(outcome.succeeded)
    let background = try pid(in: outcome.output)
    #expect(isRunning(background))
    kill(background, SIGKILL)
  }

  @Test("Cancelling the task ends the child")
  func cancellation() async throws {
    let folder = try TemporaryFolder()
    let file = folder.path + "/pid"
    let task = Task { await shell("echo $$ > \(file).tmp; mv \(file).tmp \(file); sleep 1000; exit 0") }
    try await eventually("the child runs") { access(file, F_OK) == 0 }
    let child = try pid(in: String(decoding: try readFile(file) ?? [], as: UTF8.self))
    task.cancel()
    let outcome = await task.value
    #expect(outcome.status == .signalled(SIGTERM))
    #expect(!isRunning(child))
  }

  @Test("A task that is cancelled already starts nothing")
  func cancelledBefore() async throws {
    let folder = try TemporaryFolder()
    let gate = AsyncStream.makeStream(of: Void.self)
    let task = Task {
      for await _ in gate.stream {}
      return await shell("touch \(folder.path)/ran")
    }
    task.cancel()
    let outcome = await task.value
    #expect(!outcome.succeeded)
  }

  @Test("Many commands at once all end")
  func many() async {
    await withTaskGroup(of: CommandOutcome.self) { group in
      for number in 0..<40 { group.addTask { await shell("exit \(number)") } }
      var statuses: Set<Int32> = []
      for await outcome in group {
        if case .exited(let status) = outcome.status { statuses.insert(status) }
      }
      #expect(statuses == Set(0..<40))
    }
  }
}

@Suite("Long-running commands")
struct LongRunningCommandTests {
  @Test("Its lines come in order, the last one also without a line feed")
  func lines() async throws {
    let lines = Mutex<[String]>([])
    let command = try await LongRunningCommand.start(
      ["/bin/sh", "-c", "echo one; echo two >&2; head -c 5000 /dev/zero | tr '\\0' y; echo; printf end"]
    ) { line in lines.withLock { $0.append(line) } }
    #expect(await command.wait().succeeded)
    let seen = lines.withLock { $0 }
    #expect(seen == ["one", "two", String(repeating: "y", count: 4096) + "…", "end"])
  }

  @Test("It can be ended, and everyone who waits learns of it")
  func terminate() async throws {
    let command = try await LongRunningCommand.start(["/bin/sh", "-c", "echo up; sleep 1000"])
    try await eventually("it runs") { command.output == "up\n" }
    #expect(isRunning(command.pid))
    async let first = command.wait()
    async let second = command.wait()
    command.terminate()
    #expect(await first.status == .signalled(SIGTERM))
    #expect(await second.status == .signalled(SIGTERM))
    #expect(!isRunning(command.pid))
    #expect(await command.wait().status == .signalled(SIGTERM))
  }

  @Test("It goes on when nobody holds it")
  func letGo() async throws {
    let pid = try await LongRunningCommand.start(["/bin/sleep", "1000"]).pid
    #expect(isRunning(pid))
    kill(pid, SIGKILL)
    try await eventually("it is reaped") { access("/proc/\(pid)", F_OK) != 0 }
  }

  @Test("One that can't start says why")
  func notStarted() async {
    let error = await #expect(throws: NodeHostError.self) {
      try await LongRunningCommand.start(["/none/such"])
    }
    #expect(error?.message.contains("/none/such") == true)
  }
}

@Suite("Phases of a child's end")
struct ChildPhasesTests {
  private let start = Duration.seconds(100)

  @Test(
    "SIGTERM at the limit, SIGKILL after the grace, and the caller isn't kept by a child that hangs in the kernel"
  )
  func escalation() {
    var phases = ChildPhases(now: start, limit: .seconds(2))
    #expect(phases.step(now: start, exited: false, outputOpen: true) == .wait(.seconds(2)))
    let limit = start + .seconds(2)
    #expect(phases.step(now: limit, exited: false, outputOpen: true) == .terminate)
    #expect(phases.step(now: limit, exited: false, outputOpen: true) == .wait(HostCommand.terminationGrace))
    let kill = limit + HostCommand.terminationGrace
    #expect(phases.step(now: kill, exited: false, outputOpen: true) == .kill)
    #expect(phases.step(now: kill, exited: false, outputOpen: true) == .wait(ChildPhases.killMoment))
    let end = kill + ChildPhases.killMoment
    #expect(phases.step(now: end, exited: false, outputOpen: true) == .giveUp)
    #expect(phases.step(now: end, exited: false, outputOpen: true) == .wait(nil))
    #expect(phases.reason == .limit)
  }

  @Test("After an exit the output has its moment, no more")
  func output() {
    var phases = ChildPhases(now: start, limit: nil)
    #expect(phases.step(now: start, exited: false, outputOpen: true) == .wait(nil))
    #expect(phases.step(now: start, exited: true, outputOpen: true) == .wait(ChildPhases.outputMoment))
    #expect(phases.step(now: start + ChildPhases.outputMoment, exited: true, outputOpen: true) == .reap)
    var quiet = ChildPhases(now: start, limit: nil)
    #expect(quiet.step(now: start, exited: true, outputOpen: false) == .reap)
    #expect(quiet.reason == nil)
  }

  @Test("The rest of an ended group is killed before its leader is reaped")
  func rest() {
    var phases = ChildPhases(now: start, limit: nil)
    phases.stop(now: start)
    #expect(phases.step(now: start, exited: false, outputOpen: true) == .terminate)
    #expect(
      phases.step(now: start, exited: true, outputOpen: true) == .wait(HostCommand.terminationGrace))
    #expect(phases.step(now: start, exited: true, outputOpen: false) == .kill)
    #expect(phases.step(now: start, exited: true, outputOpen: false) == .reap)
    #expect(phases.reason == .stopped)
  }
}
