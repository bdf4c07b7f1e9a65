import Cluster
import Foundation
import Testing

@testable import Sidecar

@Suite("docs/configuration.md says what the program does")
struct ConfigurationDocumentationTests {
  private func page() throws -> String {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return try String(contentsOf: root.appending(path: "docs/configuration.md"), encoding: .utf8)
  }

  @Test func theExampleIsAGoodNodeFile() throws {
    let page = try page()
    let start = try #require(page.firstRange(of: "```yaml\n")).upperBound
    let end = try #require(page[start...].firstRange(of: "\n```")).lowerBound
    let configuration = try NodeFile.parse(String(page[start..<end]), file: "example")
    #expect(configuration.services.map(\.name.text) == ["home"])
    #expect(configuration.health.probes.count == 3)
    #expect(configuration.beats == BeatTimings())
  }

  @Test func theSmallestLeasesAreTheProgramsOwn() throws {
    let rows = try page().matches(of: /\| (\w+) \| (\w+) \| (\w+) \| (\w+) \| (\d+ms) \|\n/)
    #expect(rows.count == 3)
    for row in rows {
      let timings = BeatTimings(
        interval: try DurationText.parse(String(row.1)), storeTimeout: try DurationText.parse(String(row.2)),
        margin: try DurationText.parse(String(row.4)), stopTime: try DurationText.parse(String(row.3)))
      #expect(DurationText.text(timings.smallestLease) == String(row.5))
    }
  }

  @Test func everyKeyIsDescribed() throws {
    let page = try page()
    // The reader itself lists what it knows where it meets a key that it doesn't.
    let unknown = """
      zzzzzzzzzz: 1
      health: {zzzzzzzzzz: 1, probes: [{zzzzzzzzzz: 1}]}
      beats: {zzzzzzzzzz: 1}
      self_fence: {zzzzzzzzzz: 1}
      addresses: {zzzzzzzzzz: 1, probe: {zzzzzzzzzz: 1}}
      adoption: {zzzzzzzzzz: 1, witness: [{zzzzzzzzzz: 1}]}
      overload: {zzzzzzzzzz: 1}
      watchdog: [{zzzzzzzzzz: 1}]
      mirror: {zzzzzzzzzz: 1}
      callout: {zzzzzzzzzz: 1}
      statd: {zzzzzzzzzz: 1}
      services: [{zzzzzzzzzz: 1, storage: {zzzzzzzzzz: 1}, recovery: {zzzzzzzzzz: 1}}]
      """
    let error = try #require(throws: ConfigurationError.self) { try NodeFile.parse(unknown, file: "n") }
    let known = error.problems.flatMap { problem in
      problem.message.firstRange(of: "known here: ").map { range in
        problem.message[range.upperBound...].split(separator: ", ").map(String.init)
      } ?? []
    }
    #expect(known.count > 40)
    for key in known { #expect(page.contains("`\(key)`"), "\(key)") }
  }
}
