import ArgumentParser
import StatusMonitor

/// `nsm-peer monitor`
struct Monitor: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Asks this host's status monitor to watch a peer (SM_MON), as a lock manager does.")

  @OptionGroup var identity: IdentityOptions

  @Option(name: .customLong("private"), help: "What comes back with the callback, 32 hexadecimal digits.")
  var cookie = Cookie(bytes: [UInt8](repeating: 0, count: 16))

  @OptionGroup var call: CallOptions

  func run() async throws {
    let request = MonitorRequest(identity: identity.identity, cookie: cookie.bytes)
    let result = try MonitorResult(
      results: try await call.call(.monitor, host: "127.0.0.1", arguments: try request.encoded()))
    JSONLine().with("result", result.isSuccess ? "success" : "failure").with("state", result.state).printNow()
    if !result.isSuccess { throw ExitCode.failure }
  }
}
