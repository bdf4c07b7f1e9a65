import ArgumentParser
import StatusMonitor

/// `nsm-peer unmonitor`
struct Unmonitor: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Asks this host's status monitor to watch a peer no more (SM_UNMON).",
    discussion: "The status monitor answers the same whether it watched the peer or not.")

  @OptionGroup var identity: IdentityOptions
  @OptionGroup var call: CallOptions

  func run() async throws {
    let state = try StatusMonitorProgram.state(
      results: try await call.call(
        .unmonitor, host: "127.0.0.1", arguments: try identity.identity.encoded()))
    JSONLine().with("result", "success").with("state", state).printNow()
  }
}
