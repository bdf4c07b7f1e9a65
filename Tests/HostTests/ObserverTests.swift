import HostTestKit
import Testing

extension HostTests {
  /// M11: a third machine that reaches the store and is no candidate of anything.
  @Suite("A third machine") struct Observer {
    @Test func itShowsAndAsksAndNeverServes() async throws {
      try await ThreeServers.run({ $0.services[0].candidates = ["a", "b"] }) { site in
        let seen = try #require(try await site.service(seenBy: site.c))
        #expect(seen.owner == "a" && seen.candidate == false)
        #expect(try await site.c.healthCode("/candidate") == 503)
        #expect(try await site.c.ask("migrate", TwoServers.service, "--to", "b", "--wait").state == "done")
        try await site.waitUntil("b", owns: TwoServers.service, seenBy: site.c)
        // The candidates don't watch it, and it takes nothing when they fail.
        #expect(try await site.a.status().peer("c") == nil)
        try await site.b.powerCut()
        try await site.waitUntil("a", owns: TwoServers.service, seenBy: site.c)
        try await site.a.powerCut()
        try await eventually("the third machine says that nobody can serve it") {
          try await site.service(seenBy: site.c)?.stranded != nil
        }
        let metrics = try await site.c.metrics()
        #expect(metrics["lockferry_service_stranded{service=\"\(TwoServers.service)\"}"] == 1)
        #expect(try await site.c.healthCode("/readiness") == 503)
        #expect(try await site.c.has(address: TwoServers.address) == false)
      }
    }
  }
}
