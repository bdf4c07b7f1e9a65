import CLinux
import Glibc

/// A program that goes into the background when it is ready, as the daemons of nfs-utils do: whoever starts it waits until
/// then, and hears what it says until then.
public enum BackgroundProgram {
  /// What is ready says so by this byte, which no text has.
  private static let word: UInt8 = 0

  /// Starts a program and waits until it calls ``becomeReady()``. Blocks.
  ///
  /// - Parameter limit: one that is not ready by then is killed.
  /// - Returns: nil where it is ready and goes on; else how it ended, and what it said.
  /// - Throws: ``NodeHostError`` where it can't be started.
  public static func start(
    _ arguments: [String], within limit: Duration
  ) throws(NodeHostError) -> CommandOutcome? {
    let deadline = BootClock.now + limit
    guard let path = arguments.first else { throw NodeHostError(.invalid, "no program") }
    var (reading, writing): (Int32, Int32) = (-1, -1)
    let failure = lfh_pipe(&reading, &writing)
    if failure != 0 { throw NodeHostError(-failure, "can't make a pipe for \(path)") }
    let output = Descriptor(owning: reading)
    var process: pid_t = 0
    let started = withCStrings(arguments) { arguments in
      withCStrings([]) { none in lfh_spawn(path, arguments, none, writing, &process) }
    }
    close(writing)
    if started != 0 { throw NodeHostError(-started, path) }
    var said: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4_096)
    while BootClock.now < deadline {
      var polled = pollfd(fd: output.number, events: Int16(POLLIN), revents: 0)
      guard poll(&polled, 1, (deadline - BootClock.now).pollMilliseconds) > 0 else { continue }
      let count = read(output.number, &chunk, chunk.count)
      if count < 0, errno == EAGAIN || errno == EINTR { continue }
      guard count > 0 else { return end(process, said: said, isLate: false) }
      if chunk[..<count].contains(word) {
        reapWhenItEnds(process)
        return nil
      }
      said = Array((said + chunk[..<count]).suffix(OutputTail.capacity))
    }
    return end(process, said: said, isLate: true)
  }

  /// Tells whoever waits in ``start(_:within:)``, and lets go of standard output and standard error.
  ///
  /// - Throws: ``NodeHostError`` where nobody waits any more.
  public static func becomeReady() throws(NodeHostError) {
    let nothing = try Descriptor.open("/dev/null", O_RDWR)
    signal(SIGPIPE, SIG_IGN)
    var word = word
    guard write(STDOUT_FILENO, &word, 1) == 1 else {
      throw NodeHostError(errno, "nobody waits any more for this program to be ready")
    }
    guard dup2(nothing.number, STDOUT_FILENO) >= 0, dup2(nothing.number, STDERR_FILENO) >= 0 else {
      throw NodeHostError(errno, "/dev/null")
    }
  }

  /// Whoever waits for any child of this process, as a test runner does, is not to find one for which nobody cares.
  private static func reapWhenItEnds(_ process: Int32) {
    try? OwnThread.start("lf-reap") {
      var (signalled, value) = (false, Int32(0))
      _ = lfh_reap(process, &signalled, &value)
    }
  }

  /// It has closed its output without a word, or takes too long.
  private static func end(_ process: Int32, said: [UInt8], isLate: Bool) -> CommandOutcome {
    // Who has ended by itself keeps its exit status.
    lfh_signal_group(process, SIGKILL)
    var (signalled, value) = (false, Int32(0))
    let failure = lfh_reap(process, &signalled, &value)
    let status: CommandOutcome.Status =
      if isLate {
        .timedOut
      } else if failure != 0 {
        .notStarted("its exit status is lost: \(systemErrorText(-failure))")
      } else {
        signalled ? .signalled(value) : .exited(value)
      }
    return CommandOutcome(status: status, output: String(decoding: said, as: UTF8.self))
  }
}
