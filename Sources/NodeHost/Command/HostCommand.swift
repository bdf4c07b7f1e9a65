/// Programs that are run to their end.
public enum HostCommand {
  /// How long a program has between SIGTERM and SIGKILL.
  static let terminationGrace = Duration.milliseconds(500)

  /// Runs a program without a shell and waits for it.
  ///
  /// It starts in `/`, in a process group of its own, with default signal handling, input from `/dev/null` and no
  /// descriptor of ours. At the limit, or when the calling task is cancelled, its group gets SIGTERM and half a
  /// second later SIGKILL; processes that left the group are left alone. What it started in the background is not
  /// waited for, even where that holds its output open.
  ///
  /// - Parameters:
  ///   - arguments: the program's absolute path, then its arguments.
  ///   - environment: added to this process's own, and stronger.
  ///   - limit: from the start to SIGTERM.
  ///   - networkNamespace: a file such as `/run/netns/NAME`; nil: the one this process is in.
  ///   - mountNamespace: a file that a mount namespace is bound to; nil: the one this process is in.
  ///   - hostName: what uname(2) says of this machine to the program, at most 64 bytes; nil: what it says to this process.
  public static func run(
    _ arguments: [String], environment: [String: String] = [:], within limit: Duration,
    networkNamespace: String? = nil, mountNamespace: String? = nil, hostName: String? = nil
  ) async -> CommandOutcome {
    if Task.isCancelled {
      return CommandOutcome(status: .notStarted("whoever asked for it has been called off"), output: "")
    }
    let launch = ChildLaunch(
      arguments: arguments, environment: environment, limit: limit, networkNamespace: networkNamespace,
      mountNamespace: mountNamespace, hostName: hostName)
    return await ChildProcess.start(launch).outcome()
  }
}
