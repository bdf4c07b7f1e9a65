import ArgumentParser
import ClusterSimulator
import Glibc
import Synchronization

/// Set by SIGINT: no more seeds are begun.
private let isInterrupted = Atomic(false)

@main
struct SimulatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lockferry-simulator",
    abstract: "Plays whole clusters with random faults from seeds, and looks for a broken invariant.",
    discussion: """
      Ends with 0 where no invariant was broken, with 1 after the first one that was: then it prints the seed and the \
      shortest story of it that it finds. SIGINT ends it with its summary. See docs/simulator.md.
      """)

  @Option(help: "How many seeds; without it, until SIGINT.")
  var seeds: Int?
  @Option(help: "The first seed.")
  var first = 0
  @Option(help: "Play this seed alone and print its story.")
  var story: Int?

  func validate() throws {
    if let seeds, seeds < 1 { throw ValidationError("--seeds takes a number of 1 or more") }
    if story != nil, seeds != nil { throw ValidationError("--story plays one seed: leave --seeds out") }
  }

  func run() async throws {
    if let story {
      print(Ordeal.run(Schedule(seed: story), isTraced: true).story)
      return
    }
    signal(SIGINT) { _ in isInterrupted.store(true, ordering: .relaxed) }
    let soak = Soak(first: first, seeds: seeds, threads: max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1))
    let summary = await soak.run(while: { !isInterrupted.load(ordering: .relaxed) })
    print(summary.text)
    guard let broken = summary.broken else { return }
    print("reducing the first failing seed …")
    print(Reduction.reduce(broken).story)
    throw ExitCode(1)
  }
}
