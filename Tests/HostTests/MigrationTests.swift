import Foundation
import HostTestKit
import Testing

extension HostTests {
  /// M10: an operator's command.
  @Suite("Migration by command") struct Migration {
    @Test func aServiceMovesThereAndBackAndIsNeverInTwoPlaces() async throws {
      try await withTwoServers(patient) { site in
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 2)
        let seen = try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)

        let first = try await migrate(site, from: site.primary, to: site.adoptive, listener, callbacks: 1)
        #expect(first.state > seen)
        try await site.waitUntilMirrored(site.adoptive, records: 1)
        let second = try await migrate(site, from: site.adoptive, to: site.primary, listener, callbacks: 2)
        #expect(second.state > first.state)

        let history = try await site.primary.history(TwoServers.service)
        let moves = history.filter { $0.kind == "release" || $0.kind == "adoption" }
        let words = moves.map { move in
          "\(move.kind) by \((move.kind == "release" ? move.from : move.to) ?? "nobody"): \(move.outcome)"
        }
        #expect(
          words == [
            "release by a: done", "adoption by b: done", "release by b: done", "adoption by a: done",
          ])
        // The client's record is still there, also where the service no longer is.
        #expect(site.storedRecord(TwoServers.clientName) != nil)
      }
    }

    private func migrate(
      _ site: TwoServers, from old: TestHost, to new: TestHost, _ listener: CallbackListener, callbacks: Int
    ) async throws -> Callback {
      // Asked on the node that does not own it: any node will do.
      let command = try await new.start([
        HostTestKit.builtProgram("lockferry"), "migrate", TwoServers.service, "--to", new.name, "--wait",
        "--because", "test", "-o", "json",
      ])
      try await eventually("the migration to \(new.name) ends") {
        let holders = try await site.holders(former: old)
        #expect(holders.count <= 1, "two servers have the service's address")
        return command.end != nil
      }
      #expect(command.end == .exited(0), "\(command.errors)")
      try await site.waitUntil(new, owns: TwoServers.service)
      #expect(try await !old.has(address: TwoServers.address))
      return try await value("callback \(callbacks)") {
        let all = try listener.callbacks()
        return all.count >= callbacks ? all[callbacks - 1] : nil
      }
    }

    @Test func aDryRunSaysWhatWouldBeDoneAndDoesNothing() async throws {
      try await withTwoServers(patient) { site in
        try await site.startDaemons()
        let plan = try await site.primary.lockferry("migrate", TwoServers.service, "--to", "b", "--dry-run")
          .orThrow()
        for word in ["planned", "address", "records", "notify"] { #expect(plan.output.contains(word)) }
        let history = try await site.primary.history(TwoServers.service)
        try await always(for: .seconds(2), "a owns the service") {
          try await site.adoptive.status().service(TwoServers.service)?.owner == "a"
        }
        #expect(try await site.primary.history(TwoServers.service).count == history.count)
      }
    }

    @Test func whatCannotBeDoneIsRefusedWithItsOwnExitStatus() async throws {
      try await withTwoServers { site in
        try await site.startDaemons()
        let unknown = try await site.primary.lockferry("migrate", "nosuch", "--to", "b")
        #expect(unknown.end == .exited(105), "\(unknown.errors)")
        let unconfirmed = try await site.primary.lockferry(
          "migrate", TwoServers.service, "--to", "b", "--force")
        #expect(unconfirmed.end == .exited(107), "\(unconfirmed.errors)")
        #expect(try await site.primary.status().service(TwoServers.service)?.owner == "a")
      }
    }

    /// `--force` is for an owner that does not answer; here the cluster's lease has not ended yet.
    @Test func aForcedMigrationTakesTheServiceFromAnOwnerThatDoesNotAnswer() async throws {
      try await withTwoServers({ $0.beats = "{lease: 60s}" }) { site in
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 1)
        let seen = try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        try await site.primary.powerCut()
        try await eventually("b misses a's beats") {
          try await site.adoptive.status().peer("a")?.beat == "late"
        }
        try await site.adoptive.lockferry(
          "migrate", TwoServers.service, "--to", "b", "--force", "--fence-confirmed", "--wait", "--timeout",
          "50s"
        ).orThrow()
        #expect(try await listener.callback("the client is called back").state > seen)
      }
    }
  }
}
