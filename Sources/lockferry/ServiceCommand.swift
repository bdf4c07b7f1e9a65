import ArgumentParser
import Sidecar

struct ServiceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "service",
    abstract: "Opens, closes and lists services, takes them offline and online, and takes requests back.",
    subcommands: [Open.self, Online.self, Offline.self, Close.self, Cancel.self, List.self])

  struct Open: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Brings a service into service that was never served, or was closed.",
      discussion: """
        A service that was never served is opened by its home node as soon as that runs; this is for a home that \
        does not.
        """)

    @OptionGroup var request: ServiceRequestOptions

    func run() async throws { try await request.ask("open") }
  }

  struct Online: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Serves a service again that is offline.",
      discussion: "On its home node, or where that can't, on the best candidate that can.")

    @OptionGroup var request: ServiceRequestOptions

    func run() async throws { try await request.ask("online") }
  }

  struct Offline: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Stops serving a service, everywhere, until it is online again.",
      discussion: "Its owner gives it up, and nobody adopts it. Its clients' records are kept.")

    @OptionGroup var request: ServiceRequestOptions

    func run() async throws { try await request.ask("offline") }
  }

  struct Close: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Takes a service out of the cluster until it is opened again.",
      discussion: """
        As offline; and with --forget its clients' records are removed: whoever still holds a lock is not told when \
        the service is opened again, and loses it.
        """)

    @Flag(help: "Removes the clients' records.") var forget = false
    @Flag(help: "With --forget: no client needs its locks any more, you have made sure.")
    var forgetConfirmed = false
    @OptionGroup var request: ServiceRequestOptions

    func validate() throws {
      if forgetConfirmed && !forget { throw ValidationError("--forget-confirmed is for --forget") }
    }

    func run() async throws {
      if forget, !forgetConfirmed, !request.options.dryRun { try confirm(request.service) }
      try await request.ask("close") { $0.forget = forget }
    }

    private func confirm(_ service: String) throws {
      guard Terminal.canAsk else {
        throw CommandFailure(
          .unsafe,
          "--forget removes the records of all clients of \(service): who still holds a lock loses it without a word. If"
            + " that is meant, say --forget-confirmed, or run this on a terminal to be asked")
      }
      let typed = Terminal.ask(
        Terminal.printable(
          "The records of all clients of service \(service) will be removed: who still holds a lock loses it without a"
            + " word. If that is meant, type the service's name:"))
      guard typed == service else {
        throw CommandFailure(.unsafe, "not confirmed: service \(service) stays as it is")
      }
    }
  }

  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Takes a request back whose turn has not come.",
      discussion: """
        `lockferry service list` shows what waits, with its id. What is being carried out goes on to its end.
        """)

    @Argument(help: "The service.") var service: String
    @Argument(help: "The id of the request.") var id: String
    @Option(help: ArgumentHelp("Why, for the history.", valueName: "text"))
    var because: String?
    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let status: RequestStatus = try await daemon.connection().post(
        "/v1/services/\(DaemonConnection.escape(service))/cancel",
        CancelRequest(id: id, actor: Operator.name, because: because))
      Terminal.write(
        try output.format.render(status) { RequestTable.render($0, coloured: Terminal.hasColour) })
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the services, where they are served, and what is asked of them.")

    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let status: NodeStatus = try await daemon.connection().get("/v1/status")
      Terminal.write(
        try output.format.render(status.services) { ServiceTable.render($0, coloured: Terminal.hasColour) })
    }
  }
}

/// What the requests have in common that name a service and nothing else.
struct ServiceRequestOptions: ParsableArguments {
  @Argument(help: "The service.") var service: String
  @OptionGroup var options: RequestOptions

  /// Asks for `action`, with what `change` adds.
  func ask(_ action: String, _ change: (inout RequestBody) -> Void = { _ in }) async throws {
    var body = options.body(service, action)
    change(&body)
    try await options.ask(body, options.daemon.connection())
  }
}

/// `lockferry service list` for people.
enum ServiceTable {
  static func render(_ services: [NodeStatus.Service], coloured: Bool) -> String {
    var table = TextTable(
      ("SERVICE", .left), ("STATE", .left), ("OWNER", .left), ("HOME", .left), ("SERVED", .left),
      ("REQUESTS", .right))
    for service in services {
      let served =
        service.state != "online" ? "no" : service.owner == service.home ? "at home" : "in failover"
      table.add(
        .init(service.service), .init(service.state, service.state == "online" ? .good : .doubtful),
        .init(service.owner ?? ""), .init(service.home), .init(served), .init("\(service.requests.count)"))
    }
    let waiting = services.flatMap { service in
      service.requests.map { Terminal.printable($0.line(of: service.service)) + "\n" }
    }
    return table.render(coloured: coloured) + (waiting.isEmpty ? "" : "\n" + waiting.joined())
  }
}

extension NodeStatus.Request {
  /// `service home: migrate to b, asked by root at 2026-…: TEXT (ID)`
  func line(of service: String) -> String {
    "service \(service): \(action)\(to.map { " to \($0)" } ?? ""), asked by \(actor) at \(askedAt)"
      + (because.isEmpty ? "" : ": \(because)") + " (\(id))"
  }
}
