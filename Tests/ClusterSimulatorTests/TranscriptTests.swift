import Foundation
import Testing

@testable import Cluster
@testable import ClusterSimulator

/// Scripts of events with the expected story below them; `LOCKFERRY_REWRITE=1` writes the stories anew, and `git diff`
/// shows what has changed.
@Suite("Stories of a failover, event by event (T6, C4, C5, C7, M10, B5)")
struct TranscriptTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
    path: "Transcripts")
  private static let separator = "----\n"
  /// What goes on all the time.
  private static let noise = [
    ": statd forgets ", "gives everything back", " asks for adopting with", " asks for releasing with",
  ]

  static var names: [String] {
    let files =
      (try? FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))) ?? []
    return files.filter { $0.hasSuffix(".txt") }.sorted()
  }

  @Test func thereAreStories() { #expect(Self.names.count >= 12) }

  @Test(arguments: TranscriptTests.names)
  func storyIsAsExpected(name: String) throws {
    let file = Self.folder.appending(path: name)
    let text = try String(contentsOf: file, encoding: .utf8)
    let parts = text.components(separatedBy: Self.separator)
    let script = try #require(parts.first)
    let story = try play(script)
    if ProcessInfo.processInfo.environment["LOCKFERRY_REWRITE"] != nil {
      try (script + Self.separator + story).write(to: file, atomically: true, encoding: .utf8)
    } else {
      let expected = parts.dropFirst().joined(separator: Self.separator)
      let pairs = zip(story.split(separator: "\n"), expected.split(separator: "\n"))
      let first = pairs.first { $0 != $1 }
      #expect(story == expected, "\(name): first difference: \(String(describing: first))")
    }
  }

  /// Lines: `nodes a b`, `service home a b` (with `fence`), `clients 2`, `seed 7`, `until 30s`, or an event; `#` is a
  /// comment.
  ///
  /// Everything that holds in a run from a seed has to hold here, too, also that all is well 45 s after the end.
  private func play(_ script: String) throws -> String {
    var shape = ClusterShape.plain
    // Shorter than in life, so that clients hold locks soon.
    // Shorter than in life, in the same proportions.
    shape.mirror = MirrorTimings(
      gracePeriod: .seconds(8), departureDelay: .seconds(14), burst: 3, burstWindow: .seconds(10),
      rescan: .seconds(12))
    var (until, seed) = (Duration.seconds(60), 1)
    var events: [String] = []
    for line in script.split(separator: "\n") where !line.hasPrefix("#") {
      let words = line.split(separator: " ").map(String.init)
      switch words.first {
      case "nodes": shape.nodes = words.dropFirst().compactMap(NodeName.init)
      case "service": shape.addService(words[1], Array(words.dropFirst(2)))
      case "clients": shape.addClients(try #require(Int(words[1])))
      case "seed": seed = try #require(Int(words[1]))
      case "until": until = try DurationText.parse(words[1])
      default: events.append(String(line))
      }
    }
    var schedule = Schedule(shape: shape, until: until, seed: seed)
    schedule.faults = try events.map { try Fault(parsing: $0, in: shape) }.sorted { $0.at < $1.at }
    let report = Ordeal.run(schedule, isTraced: true)
    #expect(report.violation == nil)
    let lines = report.transcript.lines.prefix { !$0.hasSuffix("  calm") }
    return lines.filter { line in !Self.noise.contains(where: line.contains) }.joined(separator: "\n") + "\n"
  }
}
