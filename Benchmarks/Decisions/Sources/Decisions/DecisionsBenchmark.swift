import Glibc

/// Time and memory of one decision round, and of the mirror's judgement of one record; see docs/benchmarks.md.
@main
enum DecisionsBenchmark {
  static func main() throws {
    print("nodes  services   owner's round   candidate's round   owner dead, its round   memory")
    for nodes in [3, 30, 300] {
      for services in [10, 100, 1000] { measure(nodes: nodes, services: services) }
    }
    print("\nrecords     one registration   candidate's round (30 nodes, 100 services)   memory")
    for records in [1_000, 10_000, 100_000, 1_000_000] { try measure(records: records) }
  }

  private static func measure(nodes: Int, services: Int) {
    let before = residentKilobytes
    var owner = CandidateNode(nodes: nodes, services: services, isOwner: true)
    let memory = residentKilobytes - before
    var candidate = CandidateNode(nodes: nodes, services: services, isOwner: false)
    let rounds = max(9, 3000 / services)
    let owners = median((0..<rounds).map { _ in owner.round().took })
    let candidates = median((0..<rounds).map { _ in candidate.round().took })
    candidate.isOwnerSilent = true
    var death = Duration.zero
    for _ in 0..<20 {
      let (took, claims) = candidate.round()
      if claims > 0 {
        death = took
        break
      }
    }
    print(
      column("\(nodes)", 5), column("\(services)", 9), column(text(owners), 15), column(text(candidates), 19),
      column(text(death), 23), column("\(memory) KiB", 11))
  }

  private static func measure(records: Int) throws {
    let before = residentKilobytes
    var mirrored = try MirroredRecords(records)
    let memory = residentKilobytes - before
    var candidate = CandidateNode(nodes: 30, services: 100, isOwner: false)
    let registrations = try median((0..<2000).map { try mirrored.registration($0) })
    let rounds = median((0..<50).map { _ in candidate.round().took })
    print(
      column("\(records)", 7), column(text(registrations), 20), column(text(rounds), 44),
      column("\(memory) KiB", 14))
  }

  private static func median(_ durations: [Duration]) -> Duration {
    durations.sorted()[durations.count / 2]
  }

  private static func text(_ duration: Duration) -> String {
    let nanoseconds =
      duration.components.attoseconds / 1_000_000_000 + duration.components.seconds * 1_000_000_000
    let microseconds = String(nanoseconds % 1000 / 100)
    return "\(nanoseconds / 1000).\(microseconds) us"
  }

  private static func column(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  /// This process, as the kernel counts it: `/proc/self/statm`, second field, in pages.
  private static var residentKilobytes: Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var size = 0
    var resident = 0
    _ = withUnsafeMutablePointer(to: &size) { first in
      withUnsafeMutablePointer(to: &resident) { second in
        withVaList([first, second]) { vfscanf(file, "%ld %ld", $0) }
      }
    }
    return resident * Int(sysconf(Int32(_SC_PAGESIZE))) / 1024
  }
}
