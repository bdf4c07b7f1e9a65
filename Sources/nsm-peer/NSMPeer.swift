import ArgumentParser

/// The command line of `nsm-peer`.
@main
struct NSMPeer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nsm-peer",
    abstract:
      "Speaks the status monitor's protocol as a lock manager or a restarted server would, and asks for a lock.",
    discussion: """
      For demonstrations and tests. Results go to standard output, one JSON object a line; errors go to \
      standard error, and the exit status is 1 then.
      """,
    subcommands: [
      Monitor.self, MonitorMany.self, Unmonitor.self, Listen.self, Notify.self, Status.self, Lock.self,
      Crowd.self,
    ])
}

/// Why a command failed; exit status 1.
struct NSMPeerError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
