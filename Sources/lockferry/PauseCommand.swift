import ArgumentParser
import Sidecar

struct PauseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause",
    abstract: "Keeps the whole cluster from adopting anything by itself.",
    discussion: """
      What is served goes on being served, and services still move to a node that you name. From the end of this \
      command on, a node that fails is not replaced before `lockferry resume`.
      """)

  @Option(help: ArgumentHelp("Why, for who wonders.", valueName: "text"))
  var because: String?
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let status: PauseStatus = try await daemon.connection().post(
      "/v1/pause", MarkRequest(actor: Operator.name, because: because))
    Terminal.write(try output.format.render(status) { PauseText.render($0) })
  }
}

struct ResumeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Ends a pause: failed nodes are replaced again.")

  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let status: PauseStatus = try await daemon.connection().post(
      "/v1/resume", MarkRequest(actor: Operator.name))
    Terminal.write(try output.format.render(status) { PauseText.render($0) })
  }
}

/// `lockferry pause` and `resume` for people.
enum PauseText {
  static func render(_ status: PauseStatus) -> String {
    guard let paused = status.paused else { return "the cluster is not paused\n" }
    return Terminal.printable("the cluster is PAUSED \(paused.text)") + "\n"
  }
}
