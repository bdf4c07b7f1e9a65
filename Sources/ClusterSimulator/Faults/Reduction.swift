import Cluster

/// Makes a failing schedule small: faults are left out and shortened while the same invariant stays broken.
public enum Reduction {
  /// The smallest schedule found, with its story.
  ///
  /// - Parameters:
  ///   - report: of a run that broke an invariant.
  ///   - runs: how many more runs this may cost.
  public static func reduce(_ report: Ordeal.Report, runs: Int = 600) -> Ordeal.Report {
    guard let violation = report.violation else { return report }
    var left = runs
    var smallest = report.schedule
    func stillFails(_ schedule: Schedule) -> Bool {
      left -= 1
      return Ordeal.run(schedule).violation?.invariant == violation.invariant
    }
    dropFaults(&smallest, while: { left > 0 }, stillFails)
    for client in smallest.shape.clients where left > 0 {
      var fewer = smallest
      fewer.shape.clients.removeAll { $0.name == client.name }
      if stillFails(fewer) { smallest = fewer }
    }
    for index in smallest.faults.indices {
      while left > 0, smallest.faults[index].length > 200_000 {
        var shorter = smallest
        shorter.faults[index].length /= 2
        guard stillFails(shorter) else { break }
        smallest = shorter
      }
    }
    dropFaults(&smallest, while: { left > 0 }, stillFails)
    return Ordeal.run(smallest, isTraced: true)
  }

  /// Half of them at a time, then a quarter, down to each by itself.
  private static func dropFaults(
    _ schedule: inout Schedule, while mayGoOn: () -> Bool, _ stillFails: (Schedule) -> Bool
  ) {
    var size = max(schedule.faults.count / 2, 1)
    while mayGoOn(), !schedule.faults.isEmpty {
      var start = 0
      var hasDropped = false
      while start < schedule.faults.count, mayGoOn() {
        var fewer = schedule
        fewer.faults.removeSubrange(start..<min(start + size, fewer.faults.count))
        if stillFails(fewer) {
          schedule = fewer
          hasDropped = true
        } else {
          start += size
        }
      }
      if size == 1, !hasDropped { return }
      size = max(size / 2, 1)
    }
  }
}

extension Ordeal.Report {
  /// The story of a broken invariant, for people.
  public var story: String {
    let faults = schedule.faults.map { "  \($0.at / 1000) ms: \($0)" }
    let shape = schedule.shape
    let services = shape.services.map {
      "\($0.name) (candidates \($0.candidates.map(\.text).joined(separator: ", "))\($0.hasFence ? ", with a fence" : ""))"
    }
    return """
      seed \(schedule.seed): \(violation.map(\.description) ?? "nothing is broken")
      nodes \(shape.nodes.map(\.text).joined(separator: ", ")); services \(services.joined(separator: "; ")); \
      \(shape.clients.count) clients\(shape.hasCallout ? " with callout" : ""); \(shape.store.rawValue) store; \
      lease \(DurationText.text(shape.timings.lease))
      faults:
      \(faults.joined(separator: "\n"))
      what happened:
      \(transcript.lines.suffix(120).joined(separator: "\n"))
      """
  }
}
