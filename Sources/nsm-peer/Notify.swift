import ArgumentParser
import StatusMonitor

/// `nsm-peer notify`
struct Notify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tells a host's status monitor that a server restarted (SM_NOTIFY).",
    discussion: """
      An answer shows only that the status monitor got the message, not that it knows the server.
      """)

  @Option(help: "The host to tell.")
  var host: String

  @Option(help: "The server that restarted, by a name that the host knows.")
  var monName: String

  @Option(help: "The server's new state number: odd, and other than the host saw before.")
  var state: Int32

  @OptionGroup var call: CallOptions

  func run() async throws {
    let notice = RestartNotice(monName: Array(monName.utf8), state: state)
    _ = try await call.call(.notify, host: host, arguments: try notice.encoded())
    JSONLine().with("result", "success").with("state", state).printNow()
  }
}
