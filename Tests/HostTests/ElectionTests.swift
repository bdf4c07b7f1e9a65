import Foundation
import HostTestKit
import Testing

extension HostTests {
  /// C3: three real daemons vote on who adopts.
  @Suite("Election") struct Election {
    private static func vote(
      _ priorities: [String: Int] = [:], wait: String? = nil, _ body: (ThreeServers) async throws -> Void
    ) async throws {
      try await ThreeServers.run(
        { file in
          file.services[0].election = "vote"
          file.services[0].priority = priorities[file.node]
          if let wait { file.adoption = "{vote_wait: \(wait)}" }
        }, body)
    }

    /// Who has bid for the second epoch.
    private static func bids(_ site: ThreeServers) -> [String] {
      let folder = site.store + "/services/\(TwoServers.service)/bids/2"
      return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
        .filter { !$0.hasPrefix(".") }.sorted()
    }

    @Test func thePriorityOfANodeDecides() async throws {
      try await Self.vote(["c": 200], wait: "10s") { site in
        try await site.a.powerCut()
        try await site.waitUntil("c", owns: TwoServers.service, seenBy: site.b)
        let seen = try await site.service(seenBy: site.b)
        #expect(seen?.epoch == 2, "nobody owned it in between")
        #expect(Self.bids(site) == [])
        let history = try await site.b.history(TwoServers.service)
        #expect(history.contains { $0.kind == "adoption" && $0.to == "c" && $0.outcome == "done" })
      }
    }

    @Test func aBestBidderThatIsKilledBeforeItsClaimIsPassedOver() async throws {
      try await Self.vote(["c": 200], wait: "15s") { site in
        try await site.a.powerCut()
        try await eventually("b and c have bid") { Self.bids(site) == ["b", "c"] }
        try await site.daemons[2].kill()
        #expect(try await site.service(seenBy: site.b)?.owner == "a", "c was killed before its claim")
        try await site.waitUntil("b", owns: TwoServers.service, seenBy: site.b)
        #expect(try await site.service(seenBy: site.b)?.epoch == 2)
        #expect(Self.bids(site) == [])
      }
    }

    /// What a node reports of itself (C2) ends in a vote as well.
    @Test func whatIsReleasedIsVotedOn() async throws {
      try await Self.vote(["c": 200], wait: "10s") { site in
        try await site.b.lockferry("report", "a", "unhealthy", "--because", "smoke", "--for", "1h").orThrow()
        try await site.waitUntil("c", owns: TwoServers.service, seenBy: site.b)
        let history = try await site.b.history(TwoServers.service)
        #expect(history.contains { $0.kind == "release" && $0.from == "a" && $0.outcome == "done" })
        #expect(Self.bids(site) == [])
      }
    }
  }
}
