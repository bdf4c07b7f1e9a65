import ArgumentParser

/// What the verbs share that list something of one service, or of all.
struct ServiceListing: ParsableArguments {
  @Argument(help: "The service; all where it is left out.")
  var service: String?
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  /// Asks the daemon for the list at `path` and prints it.
  func show<Entry: Codable>(
    _ path: String, as table: (_ entries: [Entry], _ coloured: Bool) -> String
  ) async throws {
    let query = service.map { "?service=" + DaemonConnection.escape($0) } ?? ""
    let entries: [Entry] = try await daemon.connection().get(path + query)
    Terminal.write(try output.format.render(entries) { table($0, Terminal.hasColour) })
  }
}
