import ArgumentParser
import StatusMonitor

/// `nsm-peer stat`
struct Status: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stat",
    abstract: "Shows whether a host's status monitor answers.",
    discussion: """
      Calls its NULL procedure; with --mon-name SM_STAT, which Linux's statd answers with failure whatever the \
      name is.
      """)

  @Option(help: "The host to ask.")
  var host: String

  @Option(help: "Ask whether this peer would be watched.")
  var monName: String?

  @OptionGroup var call: CallOptions

  func run() async throws {
    guard let monName else {
      _ = try await call.call(.null, host: host)
      JSONLine().with("result", "success").printNow()
      return
    }
    let peer = PeerName(monName: Array(monName.utf8))
    let result = try MonitorResult(
      results: try await call.call(.status, host: host, arguments: try peer.encoded()))
    JSONLine().with("result", result.isSuccess ? "success" : "failure").with("state", result.state).printNow()
    if !result.isSuccess { throw ExitCode.failure }
  }
}
