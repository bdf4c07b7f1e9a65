import Glibc

/// Measures how long it takes until the last of many clients is told: `lockferry notify` against sm-notify and against
/// a bare sender and receiver of the same packets.
///
/// Runs inside the private namespaces that `scripts/bench/notify` makes. Exits 1 where an aim is missed, 2 where
/// nothing could be measured.
@main
struct NotifyBenchmark {
  /// Until the last client is told, in seconds, for so many clients.
  static let aims = [10_000: 1.0, 100_000: 15.0]
  /// How many times the bare sender's.
  static let ratioAim = 2.0
  static let ratioAimClients = 10_000

  static func main() {
    do {
      exit(try measure(Options(Array(CommandLine.arguments.dropFirst()))) ? 0 : 1)
    } catch {
      print("notify-benchmark: \(error)")
      exit(2)
    }
  }

  private static func measure(_ options: Options) throws -> Bool {
    var isWell = true
    var memory: [(clients: Int, kibibytes: Int)] = []
    for clients in options.clients {
      let isCompared = clients <= Options.comparedUpTo
      var (ours, bare): ([Run], [Run]) = ([], [])
      for round in 0..<options.rounds {
        for turn in 0..<2 {
          if (turn == 0) == round.isMultiple(of: 2) {
            ours.append(try Notifier.lockferry.run(options, clients: clients))
          } else if isCompared {
            bare.append(try Notifier.bare.run(options, clients: clients))
          }
        }
      }
      print("\(clients) clients")
      isWell = try compare(ours, bare, clients: clients) && isWell
      fflush(nil)
      if isCompared && options.bound > 0 {
        show(try Notifier.smNotify.run(options, clients: clients), ours, bound: options.bound)
      }
      fflush(nil)
      memory.append((clients, ours.map(\.maximumKiB).max() ?? 0))
    }
    showMemory(memory)
    return isWell
  }

  private static func compare(_ ours: [Run], _ bare: [Run], clients: Int) throws -> Bool {
    for run in bare where !run.isComplete { throw Failure("the bare sender told \(run.told) of \(clients)") }
    for (name, runs) in [("lockferry", ours), ("bare", bare)] where !runs.isEmpty {
      print("  \(name): \(runs.map(describe).joined(separator: "; "))")
    }
    // Clients that aren't told in the time that is given are never told.
    guard let time = Figures.median(ours.map { $0.isComplete ? $0.seconds ?? .infinity : .infinity }),
      time.isFinite
    else {
      print("  lockferry did not tell all, MISSED")
      return false
    }
    var isWell = true
    var line = "  lockferry, median: \(Figures.text(time)) s until the last is told"
    if let aim = aims[clients] {
      isWell = time <= aim
      line += " " + Figures.aim(aim, met: time <= aim)
    }
    print(line)
    if let floor = Figures.median(bare.compactMap(\.seconds)), floor > 0 {
      let ratio = time / floor
      let isMet = clients != ratioAimClients || ratio <= ratioAim
      isWell = isWell && isMet
      print(
        "  lockferry/bare, medians: \(Figures.text(ratio, places: 2))"
          + (clients == ratioAimClients ? " " + Figures.aim(ratioAim, met: isMet) : ""))
    }
    return isWell
  }

  private static func show(_ run: Run, _ ours: [Run], bound: Int) {
    let time = run.seconds.map { Figures.text($0) + " s" } ?? "nobody"
    guard run.isComplete else {
      print("  sm-notify: \(run.told) of \(run.all) told within \(bound) s")
      if let mine = Figures.median(ours.compactMap(\.seconds)) {
        print("  sm-notify/lockferry: more than \(Figures.text(Double(bound) / mine, places: 0))")
      }
      return
    }
    print("  sm-notify: all told after \(time)")
    if let theirs = run.seconds, let mine = Figures.median(ours.compactMap(\.seconds)) {
      print("  sm-notify/lockferry: \(Figures.text(theirs / mine, places: 1))")
    }
  }

  private static func showMemory(_ memory: [(clients: Int, kibibytes: Int)]) {
    for (clients, kibibytes) in memory {
      print(
        "lockferry, \(clients) clients: at most \(Figures.text(Double(kibibytes) / 1_024, places: 1)) MiB resident"
      )
    }
    guard let few = memory.first(where: { $0.clients == 10_000 }),
      let many = memory.first(where: { $0.clients == 100_000 })
    else { return }
    print("lockferry, bytes for each further client: \((many.kibibytes - few.kibibytes) * 1_024 / 90_000)")
  }

  /// `0.123 s (0.145 s from the start), 40000 packets`
  private static func describe(_ run: Run) -> String {
    guard let seconds = run.seconds, let fromStart = run.fromStart else { return "nobody told" }
    var text =
      "\(Figures.text(seconds)) s (\(Figures.text(fromStart)) s from its start), \(run.packets) packets"
    if !run.isComplete { text += ", \(run.told) of \(run.all) told" }
    if run.dropped > 0 { text += ", \(run.dropped) too many at once for the crowd" }
    return text
  }
}
