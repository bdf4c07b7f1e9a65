import Foundation
import HostTestKit
import Testing

extension HostTests {
  /// What `lockferry simulate` says of a node file, beside what daemons with that file do (T6, M10).
  @Suite("What was foretold happens") struct Foretold {
    private struct Answer: Decodable {
      var history: [HistoryAnswer]
    }

    private func foretold(_ host: TestHost, _ event: String) async throws -> [HistoryAnswer] {
      let result = try await host.run([
        HostTestKit.builtProgram("lockferry"), "simulate", "--config", host.nodeFilePath, "--event", event,
        "-o", "json",
      ]).orThrow()
      return try JSONDecoder().decode(Answer.self, from: Data(result.output.utf8)).history
    }

    private func story(_ entry: HistoryAnswer) -> [String] {
      // Not the epoch: on a slow machine an owner may have given up and taken its own up again before.
      ["\(entry.kind) \(entry.outcome) \(entry.from ?? "-") \(entry.to ?? "-")"]
        + entry.steps.map { "\($0.step) \($0.state)" }
    }

    @Test func aFailoverTakesTheStepsThatWereForetold() async throws {
      try await withTwoServers { site in
        let foretold = try await foretold(site.adoptive, "power-cut a at 10s")
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 1)
        _ = try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        try await site.primary.powerCut()
        _ = try await listener.callback("the client is called back")
        let real = try await site.adoption(by: site.adoptive)
        #expect(foretold.map(story) == [story(real)])
        #expect(foretold.first?.because.hasPrefix("a missed ") == true && real.because.hasPrefix("a missed "))
      }
    }

    @Test func aMigrationTakesTheStepsThatWereForetold() async throws {
      try await withTwoServers(patient) { site in
        let foretold = try await foretold(site.primary, "migrate \(TwoServers.service) to b at 10s")
        try await site.startDaemons()
        _ = try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        _ = try await site.primary.lockferry("migrate", TwoServers.service, "--to", "b", "--wait").orThrow()
        let real = try await site.primary.history(TwoServers.service).filter { $0.kind != "opening" }
        #expect(foretold.map(story) == real.map(story))
      }
    }
  }
}
