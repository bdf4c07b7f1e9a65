import ArgumentParser

/// What is wrong with the clients and with the network.
struct FaultOptions: ParsableArguments {
  @Option(help: "Choose clients and packets by this number; the same faults for the same number.")
  var seed: UInt64 = 1

  @Option(help: "Clients that answer nothing at all, TCP included: 5% or 50. At most 2000.")
  var dead = Share.number(0)
  @Option(help: ArgumentHelp("The dead come to life when so many clients are told.", valueName: "n"))
  var reviveAt: Int?
  @Option(
    help: ArgumentHelp(
      "Nobody answers any more as soon as so many clients are told, until SIGUSR1. The line {\"held_at\":N} is printed.",
      valueName: "n"))
  var holdAt: Int?

  @Option(help: "Clients with rpcbind and without status monitor: never registered.")
  var noStatd = Share.number(0)
  @Option(help: "Clients whose status monitor is registered only after --late-look-ups look-ups.")
  var lateStatd = Share.number(0)
  @Option(help: "See --late-statd.")
  var lateLookUps = 2
  @Option(help: "Clients that answer nothing over UDP: only TCP works.")
  var silentUdp = Share.number(0)
  @Option(help: "Clients whose rpcbind names a closed UDP port (ICMP port unreachable): only TCP works.")
  var closedUdp = Share.number(0)
  @Option(help: "Clients that accept connections and never answer there.")
  var silentTcp = Share.number(0)
  @Option(
    help:
      "Clients whose status monitor moves to another port after the first look-up, and back after the first notification."
  )
  var moving = Share.number(0)
  @Option(help: "Clients whose rpcbind knows version 2 (IPv4) or 3 (IPv6) alone.")
  var oldRpcbind = Share.number(0)
  @Option(help: "Clients that answer --error-calls notifications with PROG_UNAVAIL.")
  var programUnavailable = Share.number(0)
  @Option(help: "The same with AUTH_ERROR.")
  var authenticationError = Share.number(0)
  @Option(help: "The same with SYSTEM_ERR.")
  var systemError = Share.number(0)
  @Option(help: "How many notifications they refuse before they accept; 0: all.")
  var errorCalls = 2

  @Option(help: "Requests that get lost: 30%.")
  var dropRequests = Percent.never
  @Option(help: "Replies that get lost.")
  var dropReplies = Percent.never
  @Option(help: "Replies that come twice.")
  var duplicate = Percent.never
  @Option(help: "Replies that change places with others, within 5 ms.")
  var reorder = Percent.never
  @Option(help: "Replies that come --delay-by milliseconds later.")
  var delay = Percent.never
  @Option(help: "See --delay.")
  var delayBy = 50
  @Option(help: "Replies that come --late-by milliseconds later, after the caller has asked again.")
  var late = Percent.never
  @Option(help: "See --late.")
  var lateBy = 3_000
  @Option(help: "Replies of random bytes; the request counts as not received.")
  var garbage = Percent.never
  @Option(help: "Replies with another transaction id; the request counts as not received.")
  var wrongId = Percent.never
  @Option(help: "Replies from another client's address; the request counts as not received.")
  var wrongSource = Percent.never

  func validate() throws {
    for (name, value) in [
      ("--late-look-ups", lateLookUps), ("--error-calls", errorCalls), ("--delay-by", delayBy),
      ("--late-by", lateBy), ("--revive-at", reviveAt ?? 0), ("--hold-at", holdAt ?? 0),
    ] where !(0...1_000_000).contains(value) {
      throw ValidationError("\(name) takes 0 to 1000000")
    }
  }

  func plan(clients: Int) -> FaultPlan {
    FaultPlan(
      clients: clients,
      shares: [
        .dead: dead, .noStatusMonitor: noStatd, .lateStatusMonitor: lateStatd, .silentUDP: silentUdp,
        .closedUDP: closedUdp, .silentTCP: silentTcp, .moving: moving, .oldPortMapper: oldRpcbind,
        .programUnavailable: programUnavailable, .authenticationError: authenticationError,
        .systemError: systemError,
      ],
      packets: PacketFaults(
        dropRequests: dropRequests, dropReplies: dropReplies, duplicates: duplicate, reordered: reorder,
        delayed: delay, delayMilliseconds: delayBy, late: late, lateMilliseconds: lateBy, garbage: garbage,
        wrongTransactions: wrongId, wrongSources: wrongSource),
      seed: seed)
  }

  var patience: CrowdHosts.Patience { CrowdHosts.Patience(lookUps: lateLookUps, errorCalls: errorCalls) }

  var turns: CrowdHosts.Turns { CrowdHosts.Turns(revival: reviveAt, hold: holdAt) }
}
