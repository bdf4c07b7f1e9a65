import Foundation
import Testing

@testable import Cluster
@testable import ClusterSimulator

/// Scripts of events with the expected story beside them; `LOCKFERRY_REWRITE=1` writes the stories anew.
@Suite("Stories of a failover, event by event (T6, C5, C7, M10)")
struct TranscriptTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
    path: "Transcripts")
  private static let separator = "----\n"

  static var names: [String] {
    let files =
      (try? FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))) ?? []
    return files.filter { $0.hasSuffix(".txt") }.sorted()
  }

  @Test func thereAreStories() { #expect(Self.names.count >= 6) }

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
      #expect(story == parts.dropFirst().joined(separator: Self.separator))
    }
  }

  /// Lines: `nodes a b`, `service home a b` (with `fence`), `clients 2`, `until 30s`, or an event; `#` is a comment.
  private func play(_ script: String) throws -> String {
    var shape = ClusterShape.plain
    var until = Duration.seconds(60)
    var events: [String] = []
    for line in script.split(separator: "\n") where !line.hasPrefix("#") {
      let words = line.split(separator: " ").map(String.init)
      switch words.first {
      case "nodes": shape.nodes = words.dropFirst().compactMap(NodeName.init)
      case "service": shape.addService(words[1], Array(words.dropFirst(2)))
      case "clients": shape.addClients(try #require(Int(words[1])))
      case "until": until = try DurationText.parse(words[1])
      default: events.append(String(line))
      }
    }
    var schedule = Schedule(shape: shape, until: until)
    schedule.faults = try events.map { try Fault(parsing: $0, in: shape) }.sorted { $0.at < $1.at }
    let report = Ordeal.run(schedule, isTraced: true)
    #expect(report.violation == nil)
    return report.transcript.lines.joined(separator: "\n") + "\n"
  }
}
