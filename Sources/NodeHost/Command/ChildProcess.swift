import CLinux
import Glibc
import Synchronization

/// What to start, and how.
struct ChildLaunch: Sendable {
  var arguments: [String]
  var environment: [String: String] = [:]
  var limit: Duration?
  var networkNamespace: String?
  var mountNamespace: String?
  var hostName: String?
  var onLine: (@Sendable (String) -> Void)?
}

/// A child process, looked after by a thread of its own from start to reaping.
///
/// Only that thread signals and reaps the child, and it signals before it reaps: until then the process id and the
/// process group can't belong to anyone else.
final class ChildProcess: Sendable {
  private struct State {
    var pid: Int32?
    var started = false
    var startWaiters: [CheckedContinuation<Void, Never>] = []
    var outcome: CommandOutcome?
    var outcomeWaiters: [CheckedContinuation<CommandOutcome, Never>] = []
    var stopRequested = false
    var tail = OutputTail()
  }

  private let state = Mutex(State())
  private let stopSignal: ThreadSignal?

  private init(stopSignal: ThreadSignal?) {
    self.stopSignal = stopSignal
  }

  /// Starts the thread that starts the child. Every failure becomes the outcome.
  static func start(_ launch: ChildLaunch) -> ChildProcess {
    do {
      let child = ChildProcess(stopSignal: try ThreadSignal())
      do {
        try OwnThread.start("lf-command") { child.live(launch) }
      } catch {
        child.finish(.notStarted(error.message))
      }
      return child
    } catch {
      let child = ChildProcess(stopSignal: nil)
      child.finish(.notStarted(error.message))
      return child
    }
  }

  /// The process id as soon as there is one; nil where the child could not be started.
  func processIdentifier() async -> Int32? {
    await withCheckedContinuation { continuation in
      let known = state.withLock { state in
        if !state.started { state.startWaiters.append(continuation) }
        return state.started
      }
      if known { continuation.resume() }
    }
    return state.withLock { $0.pid }
  }

  /// Waits for the end; a cancelled task ends the child and still waits.
  func outcome() async -> CommandOutcome {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let known = state.withLock { state in
          if state.outcome == nil { state.outcomeWaiters.append(continuation) }
          return state.outcome
        }
        if let known { continuation.resume(returning: known) }
      }
    } onCancel: {
      stop()
    }
  }

  /// Asks the thread to end the child.
  func stop() {
    state.withLock { $0.stopRequested = true }
    stopSignal?.raise()
  }

  /// The last 16 KiB so far.
  var outputSoFar: String { state.withLock { $0.tail.text } }

  private func finish(_ status: CommandOutcome.Status) {
    let (outcome, startWaiters, outcomeWaiters) = state.withLock { state in
      let outcome = state.outcome ?? CommandOutcome(status: status, output: state.tail.text)
      state.outcome = outcome
      state.started = true
      defer {
        state.startWaiters = []
        state.outcomeWaiters = []
      }
      return (outcome, state.startWaiters, state.outcomeWaiters)
    }
    for waiter in startWaiters { waiter.resume() }
    for waiter in outcomeWaiters { waiter.resume(returning: outcome) }
  }

  // Everything below runs on the child's thread.

  private func live(_ launch: ChildLaunch) {
    guard let stopSignal, !state.withLock({ $0.stopRequested }) else {
      return finish(.notStarted("its task was cancelled"))
    }
    var output: Int32 = -1
    let pid: Int32
    do {
      (pid, output) = try spawn(launch)
    } catch {
      return finish(.notStarted(error.message))
    }
    let outputEnd = Descriptor(owning: output)
    let processNumber = lfh_open_process(pid)
    let waiters = state.withLock { state in
      state.pid = pid
      state.started = true
      defer { state.startWaiters = [] }
      return state.startWaiters
    }
    for waiter in waiters { waiter.resume() }

    guard processNumber >= 0 else {
      // No descriptor left for it: without one there is no waiting with a limit.
      lfh_signal_group(pid, SIGKILL)
      var signalled = false
      var value: Int32 = 0
      lfh_reap(pid, &signalled, &value)
      return finish(.notStarted("can't watch it: \(systemErrorText(-processNumber)); it was ended at once"))
    }
    let process = Descriptor(owning: processNumber)
    attend(
      launch, pid: pid, process: process.number, output: outputEnd.number, stopSignal: stopSignal)
  }

  private func spawn(_ launch: ChildLaunch) throws(NodeHostError) -> (pid: Int32, output: Int32) {
    guard let path = launch.arguments.first, path.hasPrefix("/") else {
      throw NodeHostError(
        .invalid, "\"\(launch.arguments.first ?? "")\" isn't the absolute path of a program")
    }
    for text in launch.arguments + launch.environment.flatMap({ [$0.key, $0.value] })
    where text.utf8.contains(0) {
      throw NodeHostError(.invalid, "\(path): an argument or variable contains a NUL")
    }
    if let namespace = launch.networkNamespace {
      // This thread alone changes over, and ends with its child.
      let failure = lfh_enter_network_namespace(namespace)
      if failure != 0 { throw NodeHostError(-failure, "network namespace \(namespace)") }
    }
    if let namespace = launch.mountNamespace {
      let failure = lfh_enter_mount_namespace(namespace)
      if failure != 0 { throw NodeHostError(-failure, "mount namespace \(namespace)") }
    }
    if let hostName = launch.hostName {
      let failure = lfh_use_host_name(hostName)
      if failure != 0 { throw NodeHostError(-failure, "can't have the host name \(hostName)") }
    }
    var reading: Int32 = -1
    var writing: Int32 = -1
    let failure = lfh_pipe(&reading, &writing)
    if failure != 0 { throw NodeHostError(-failure, "can't make a pipe for \(path)") }
    defer { close(writing) }
    var pid: pid_t = 0
    let added = launch.environment.map { $0.key + "=" + $0.value }
    let result = withCStrings(launch.arguments) { arguments in
      withCStrings(added) { added in lfh_spawn(path, arguments, added, writing, &pid) }
    }
    guard result == 0 else {
      close(reading)
      let remedy: String? =
        switch -result {
        case ENOENT: "no such program, or none that its first line (#!) names"
        case ENOEXEC: "not a program; a script needs a first line with #!"
        case EACCES: "make it executable"
        default: nil
        }
      throw NodeHostError(-result, path, remedy: remedy)
    }
    return (pid, reading)
  }

  private func attend(
    _ launch: ChildLaunch, pid: Int32, process: Int32, output: Int32, stopSignal: ThreadSignal
  ) {
    var phases = ChildPhases(now: BootClock.now, limit: launch.limit)
    var outputOpen = true
    var exited = false
    while true {
      switch phases.step(now: BootClock.now, exited: exited, outputOpen: outputOpen) {
      case .terminate: lfh_signal_group(pid, SIGTERM)
      case .kill: lfh_signal_group(pid, SIGKILL)
      case .giveUp:
        // It hangs in the kernel. The caller learns it now; the child is reaped whenever it ends.
        finish(.timedOut)
      case .reap:
        return reap(pid, phases: phases, launch: launch)
      case .wait(let limit):
        var polled = [
          pollfd(fd: stopSignal.number, events: Int16(POLLIN), revents: 0),
          pollfd(fd: exited ? -1 : process, events: Int16(POLLIN), revents: 0),
          pollfd(fd: outputOpen ? output : -1, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&polled, 3, limit.map { $0.pollMilliseconds } ?? -1) > 0 else { continue }
        if polled[0].revents != 0 {
          stopSignal.clear()
          phases.stop(now: BootClock.now)
        }
        if polled[2].revents != 0 { outputOpen = readOutput(output, onLine: launch.onLine) }
        if polled[1].revents != 0 { exited = true }
      }
    }
  }

  /// False at the end of the output.
  private func readOutput(_ output: Int32, onLine: (@Sendable (String) -> Void)?) -> Bool {
    var bytes = [UInt8](repeating: 0, count: 16_384)
    let count = Glibc.read(output, &bytes, bytes.count)
    guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) }
    let lines = state.withLock { $0.tail.append(bytes[..<count], wantsLines: onLine != nil) }
    if let onLine { for line in lines { onLine(line) } }
    return true
  }

  private func reap(_ pid: Int32, phases: ChildPhases, launch: ChildLaunch) {
    var signalled = false
    var value: Int32 = 0
    let failure = lfh_reap(pid, &signalled, &value)
    if let onLine = launch.onLine, let rest = state.withLock({ $0.tail.takeRest() }) { onLine(rest) }
    let status: CommandOutcome.Status =
      switch phases.reason {
      case .limit: .timedOut
      case .stopped: .signalled(SIGTERM)
      case nil where failure != 0:
        .notStarted(
          "its exit status is lost (\(systemErrorText(-failure))): something else reaps children here")
      case nil: signalled ? .signalled(value) : .exited(value)
      }
    finish(status)
  }
}

/// Gives `body` a NULL-terminated array of C strings that lives as long as the call.
func withCStrings<Result>(
  _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>?) -> Result
) -> Result {
  var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
  pointers.append(nil)
  defer { for pointer in pointers { free(pointer) } }
  return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
}
