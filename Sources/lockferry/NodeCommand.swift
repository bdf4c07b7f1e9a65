import ArgumentParser
import Cluster
import Sidecar

struct NodeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "node",
    abstract: "Empties a node of services, and lets them come back.",
    subcommands: [Drain.self, Undrain.self])

  struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Moves everything away from a node, and keeps everything from coming.",
      discussion: """
        One service after the other, in the order of the node file. What has no other candidate stays, and is \
        listed with the reason.
        """)

    @Argument(help: "The node.") var node: String
    @OptionGroup var options: RequestOptions

    func run() async throws {
      let connection = try options.daemon.connection()
      let path = "/v1/nodes/\(DaemonConnection.escape(node))/drain"
      var status: DrainStatus = try await connection.post(
        path, MarkRequest(dryRun: options.dryRun, actor: Operator.name, because: options.because))
      let deadline = ContinuousClock.now + options.timeout.duration
      while options.wait, !status.isOver || status.drained == nil {
        guard ContinuousClock.now < deadline else {
          throw CommandFailure(
            .timedOut,
            "node \(node) still owns \(status.services.map(\.service).joined(separator: ", ")) after"
              + " \(DurationText.text(options.timeout.duration)); the drain goes on: see `lockferry status`")
        }
        try await Task.sleep(for: .milliseconds(250))
        do {
          status = try await connection.get(path, within: .seconds(10))
        } catch let failure as CommandFailure
          where failure.status == .unavailable || failure.status == .timedOut
        {
          continue
        }
      }
      let rendered = status
      Terminal.write(
        try options.output.format.render(rendered) { DrainTable.render($0, coloured: Terminal.hasColour) })
    }
  }

  struct Undrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lets services come to a drained node again.",
      discussion: "What left it stays where it is until it is moved back: see `lockferry failback`.")

    @Argument(help: "The node.") var node: String
    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let status: DrainStatus = try await daemon.connection().post(
        "/v1/nodes/\(DaemonConnection.escape(node))/undrain", MarkRequest(actor: Operator.name))
      Terminal.write(
        try output.format.render(status) { DrainTable.render($0, coloured: Terminal.hasColour) })
    }
  }
}

/// `lockferry node drain` for people.
enum DrainTable {
  static func render(_ status: DrainStatus, coloured: Bool) -> String {
    let drained = status.drained.map { "drained \($0.text)" } ?? "not drained"
    let head = Terminal.printable("node \(status.node): \(drained)") + "\n"
    guard !status.services.isEmpty else { return head + "it owns no service\n" }
    var table = TextTable(("SERVICE", .left), ("GOES TO", .left), ("WHY", .left))
    for move in status.services {
      table.add(
        .init(move.service), .init(move.to ?? "stays", move.to == nil ? .doubtful : .plain), .init(move.why))
    }
    return head + "\n" + table.render(coloured: coloured)
  }
}

extension NodeStatus.Mark {
  /// `by root since 2026-…: TEXT`
  var text: String { "by \(actor) since \(since)" + (because.isEmpty ? "" : ": \(because)") }
}
