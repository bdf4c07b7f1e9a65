import ArgumentParser

struct UnholdCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unhold",
    abstract: "Lets a service be adopted automatically again.",
    discussion: """
      A service that was adopted without an order more often than `adoption.flap` allows is held where it is. Find out \
      why it went round, then run this on any node.
      """)

  @Argument(help: "The service.")
  var service: String
  @OptionGroup var daemon: DaemonOptions

  func run() async throws {
    try await daemon.connection().post("/v1/services/\(DaemonConnection.escape(service))/unhold")
  }
}
