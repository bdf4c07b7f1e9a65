/// A program that runs until it is done or ended, such as sm-notify in the foreground.
public final class LongRunningCommand: Sendable {
  private let child: ChildProcess
  /// Its process id, which is also the number of its process group. Don't signal it by number: it may be gone.
  public let pid: Int32

  private init(child: ChildProcess, pid: Int32) {
    self.child = child
    self.pid = pid
  }

  /// Starts a program as ``HostCommand/run(_:environment:within:networkNamespace:)`` does, without a limit.
  ///
  /// It goes on when this value is let go of; only ``terminate()`` or a cancelled ``wait()`` ends it.
  ///
  /// - Parameter onLine: gets each line of its output without the line feed (cut after 4 KiB), on a thread of its
  ///   own, in order; it should be quick, or the program waits for room in its output.
  /// - Throws: ``NodeHostError`` where it can't be started.
  public static func start(
    _ arguments: [String], environment: [String: String] = [:], networkNamespace: String? = nil,
    onLine: (@Sendable (String) -> Void)? = nil
  ) async throws(NodeHostError) -> LongRunningCommand {
    let child = ChildProcess.start(
      ChildLaunch(
        arguments: arguments, environment: environment, limit: nil, networkNamespace: networkNamespace,
        onLine: onLine))
    guard let pid = await child.processIdentifier() else {
      throw NodeHostError(.failed, "\(await child.outcome())")
    }
    return LongRunningCommand(child: child, pid: pid)
  }

  /// Waits until it has ended; any number of tasks may wait. Cancelling one of them ends the program.
  public func wait() async -> CommandOutcome {
    await child.outcome()
  }

  /// Sends its process group SIGTERM now and SIGKILL half a second later. Returns at once.
  public func terminate() {
    child.stop()
  }

  /// The last 16 KiB of its output so far.
  public var output: String { child.outputSoFar }
}
