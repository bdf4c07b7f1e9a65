import ArgumentParser
import CLinux
import Dispatch
import Glibc

/// `nsm-peer crowd`
struct Crowd: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Plays many clients at once: rpcbind and a status monitor on each of many addresses.",
    discussion: """
      Takes port 111 of every address of one family, over UDP and TCP, so run it in a network namespace of your \
      own. Each client has an address of its own, one after the other from --first on. IPv4 addresses of 127.0.0.0/8 \
      need nothing but an lo that is up; IPv6 addresses need a local route, such as: ip -6 route add local \
      fd00:1::/64 dev lo.

      rpcbind answers NULL and GETPORT (version 2, IPv4) or GETADDR (versions 3 and 4), the status monitor NULL \
      and SM_NOTIFY. A client is told as soon as it has heard every --name under one state number; without --name \
      the first notification tells it.

      At the end (SIGTERM, SIGINT, --until-told, --timeout) a summary goes to standard output as one JSON object, \
      its times in seconds since the first packet. The exit status is 1 where --until-told was given and not \
      reached.

      Faults of clients take a share or a number of clients (5% or 50), drawn for each fault by itself; faults of \
      packets take a likelihood, and concern UDP.
      """)

  @Option(help: "How many clients.")
  var clients: Int

  @Option(help: "The first client's address, of 127.0.0.0/8 or fd00::/8.")
  var first = "127.1.0.1"

  @Option(help: "The port of the status monitors; 0 is any free one.")
  var port: UInt16 = 0

  @Option(help: "Write this file, {\"pid\":N,\"port\":N}, when clients can be told.")
  var ready: String

  @Option(help: "Write the summary and every client to this file at the end.")
  var report: String?

  @Option(help: ArgumentHelp("End when so many clients are told.", valueName: "n"))
  var untilTold: Int?

  @Option(help: "End after so many seconds.")
  var timeout: Double?

  @Option(name: .customLong("name"), help: "A name by which clients must be told; repeatable.")
  var names: [String] = []

  @OptionGroup(title: "Faults") var faults: FaultOptions

  func validate() throws {
    guard (1...1_000_000).contains(clients) else { throw ValidationError("--clients takes 1 to 1000000") }
    guard names.count < NotificationLedger.maximumNames else {
      throw ValidationError("at most \(NotificationLedger.maximumNames - 1) names")
    }
    guard Set(names).count == names.count else { throw ValidationError("a --name is given twice") }
    if let untilTold, untilTold < 1 { throw ValidationError("--until-told takes 1 or more") }
    if let timeout, !(timeout > 0 && timeout <= 1_000_000) {
      throw ValidationError("--timeout takes more than 0 seconds, at most 1000000")
    }
  }

  func run() throws {
    try raiseDescriptorLimit()
    let (signals, sources) = try signalPipe()
    defer { for source in sources { source.cancel() } }
    var loop = try CrowdLoop(
      ClientAddresses(first: first, count: clients), plan: faults.plan(clients: clients),
      patience: faults.patience, port: port, seed: faults.seed, wantedNames: names.map { Array($0.utf8) },
      turns: faults.turns, signals: signals)
    try WholeFile.writeReady(ready, port: loop.port)
    let isDone = try loop.run(
      until: CrowdLoop.End(
        told: untilTold, at: timeout.map { lfh_boot_nanoseconds() + Int64($0 * 1_000_000_000) }))
    let result = CrowdReport(loop: loop)
    if let report { try WholeFile.write(report, result.whole) }
    result.summary.printNow()
    if !isDone { throw ExitCode.failure }
  }

  /// Signals as bytes that the loop can wait for, and what keeps them coming.
  private func signalPipe() throws -> (Int32, [any DispatchSourceSignal]) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw NSMPeerError("no pipe: \(String(cString: strerror(errno)))") }
    let writing = ends[1]
    let meanings: [(Int32, CrowdLoop.Signal)] = [(SIGTERM, .end), (SIGINT, .end), (SIGUSR1, .resume)]
    let sources = meanings.map { number, meaning in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        var byte = meaning.rawValue
        _ = write(writing, &byte, 1)
      }
      source.resume()
      return source
    }
    return (ends[0], sources)
  }

  /// Every connection takes a descriptor.
  private func raiseDescriptorLimit() throws {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      throw NSMPeerError("the limit of open files: \(String(cString: strerror(errno)))")
    }
  }
}
