import ArgumentParser
import Cluster
import ClusterSimulator
import Sidecar

struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Plays what would happen in your cluster, without touching it.",
    discussion: """
      The cluster of the node file runs for a while, with two clients for each service. Then time begins, and what \
      --event says happens: `power-cut a at 10s`, `migrate home to b at 20s`, `store-stops at 5s for 12s`. What \
      has no `for` lasts to the end. All events are in docs/commands.md and in lockferry-simulate(8). Steps that run \
      your commands take up to 50 ms each, since nobody knows how long yours take.
      """)

  @Option(help: ArgumentHelp("The node file.", valueName: "file"))
  var config = NodeFile.defaultPath
  @Option(help: ArgumentHelp("What happens, and when; any number of times.", valueName: "event"))
  var event: [String] = []
  @Option(help: "Where the random numbers begin: network delays, and what clients do.")
  var seed = 1
  @Option(
    name: .customLong("for"),
    help: ArgumentHelp("How long it is watched, at most 24h.", valueName: "duration"))
  var length = WaitingTime(duration: .seconds(300))
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard length.duration <= .seconds(86_400) else { throw ValidationError("--for takes at most 24h") }
  }

  func run() throws {
    let configuration = try NodeFileArgument.load(config)
    let shape = configuration.clusterShape(clients: 2)
    var schedule = Schedule(shape: shape, until: length.duration, seed: seed)
    schedule.faults = try faults(in: shape)
    // Clients hold locks by then: the first grace period is over.
    let forecast = Forecast.run(schedule, after: configuration.mirror.gracePeriod + .seconds(15))
    let status = ForecastStatus(forecast, of: schedule)
    Terminal.write(
      try output.format.render(status) { ForecastTable.render($0, coloured: Terminal.hasColour) })
    if let broken = status.broken {
      throw CommandFailure(
        .failed, "a promise is broken, which is a mistake in lockferry; please report this command: \(broken)"
      )
    }
  }

  private func faults(in shape: ClusterShape) throws -> [Fault] {
    let texts = event.isEmpty ? [""] : event
    return try texts.map { text in
      let fault: Fault
      do throws(FaultTextError) {
        fault = try Fault(parsing: text, in: shape)
      } catch {
        throw CommandFailure(.usage, "--event: " + (text.isEmpty ? error.message : "\n\(error)"))
      }
      guard Duration.microseconds(fault.at) < length.duration else {
        throw CommandFailure(
          .usage,
          "--event: `\(text)` comes after the end; --for \(DurationText.text(length.duration)) is too short")
      }
      return fault
    }.sorted { $0.at < $1.at }
  }
}

/// `lockferry simulate` for people.
enum ForecastTable {
  static func render(_ status: ForecastStatus, coloured: Bool) -> String {
    let head =
      "simulated \(Elapsed.text(milliseconds: status.milliseconds)) of nodes \(status.nodes.joined(separator: ", ")), "
      + "seed \(status.seed)"
    var events = TextTable(("AT", .right), ("WHAT", .left))
    for event in status.events {
      events.add(.init(Elapsed.text(milliseconds: event.milliseconds)), .init(event.what))
    }
    var parts = [Terminal.printable(head) + "\n", events.render(coloured: coloured)]
    parts += status.history.map { HistoryEntryTable.render($0, coloured: coloured) }
    var services = TextTable(
      ("SERVICE", .left), ("STATE", .left), ("OWNER", .left), ("EPOCH", .right), ("REACHABLE", .left),
      ("OUT OF REACH", .right))
    for fate in status.services {
      services.add(
        .init(fate.service), .init(fate.state, fate.state == "online" ? .good : .bad),
        .init(fate.owner ?? ""),
        .init("\(fate.epoch)"), .init(fate.served ? "yes" : "no", fate.served ? .good : .bad),
        .init(Elapsed.text(milliseconds: fate.unservedMilliseconds)))
    }
    parts.append(services.render(coloured: coloured))
    let notes = status.permitted.map { "can't be helped, see docs/failure-model.md: \($0)\n" }
    if !notes.isEmpty { parts.append(notes.joined()) }
    return parts.joined(separator: "\n")
  }
}
