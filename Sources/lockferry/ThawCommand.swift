import ArgumentParser

struct ThawCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "thaw",
    abstract: "Lets the mirror of a service delete records again.",
    discussion: """
      What left while deletions were frozen departs after the usual delay. What is missing for another reason, as \
      records that sm-notify has retired, stays. Only the service's owner can do it.
      """)

  @Argument(help: "The service.")
  var service: String
  @OptionGroup var daemon: DaemonOptions

  func run() async throws {
    try await daemon.connection().post("/v1/services/\(DaemonConnection.escape(service))/thaw")
  }
}
