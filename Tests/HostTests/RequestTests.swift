import Foundation
import HostTestKit
import Testing

extension HostTests {
  /// T2 T3 T4 T5 C7
  @Suite("Requests to services") struct Requests {
    @Test func aServiceThatIsOfflineIsServedByNobodyUntilItIsOnlineAgain() async throws {
      try await withTwoServers { site in
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 1)
        let seen = try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        #expect(try await site.primary.status().mode == "online")
        #expect(try await site.primary.status().homeServices == 1)

        let offline = try await site.adoptive.ask("service", "offline", TwoServers.service, "--wait")
        #expect(offline.state == "done")
        #expect(try await site.holders(former: site.primary) == [])
        #expect(try await site.primary.status().homeServices == 0)
        // Nor when who had it is gone: the lease is 4 s.
        try await site.primary.powerCut()
        try await settled(site.adoptive, "offline")
        try await always(for: .seconds(7), "nobody adopts what is offline") {
          try await site.adoptive.status().service(TwoServers.service)?.state == "offline"
        }
        let again = try await site.adoptive.lockferry("service", "offline", TwoServers.service)
        #expect(again.end == .exited(113), "\(again.errors)")

        let online = try await site.adoptive.ask("service", "online", TwoServers.service, "--wait")
        #expect(online.state == "done")
        try await site.waitUntil(site.adoptive, owns: TwoServers.service)
        #expect(try await listener.callback("the client is called back").state > seen)
        let status = try await site.adoptive.status()
        #expect(status.mode == "failover" && status.adoptedServices == 1 && status.transitions == 1)
        #expect(status.service(TwoServers.service)?.mode == "failover")
      }
    }

    /// A node sees what others did at its next look.
    private func settled(_ host: TestHost, _ state: String) async throws {
      try await eventually("\(host.name) sees that the service is \(state)") {
        let service = try await host.status().service(TwoServers.service)
        return service?.state == state && service?.requests.isEmpty == true
      }
    }

    @Test func aServiceThatIsClosedIsForgottenAndComesBackWithANewEpoch() async throws {
      try await withTwoServers(patient) { site in
        try await site.startDaemons()
        try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        let refused = try await site.primary.lockferry("service", "close", TwoServers.service, "--forget")
        #expect(refused.end == .exited(107), "\(refused.errors)")

        #expect(try await site.primary.ask("service", "close", TwoServers.service, "--wait").state == "done")
        #expect(site.storedRecord(TwoServers.clientName) != nil)
        let forgotten = try await site.primary.ask(
          "service", "close", TwoServers.service, "--forget", "--forget-confirmed", "--wait")
        #expect(forgotten.state == "done")
        #expect(site.storedRecord(TwoServers.clientName) == nil)
        try await settled(site.primary, "closed")
        let closed = try await site.primary.status().service(TwoServers.service)
        let online = try await site.primary.lockferry("service", "online", TwoServers.service)
        #expect(online.end == .exited(113), "\(online.errors)")
        #expect(try await site.adoptive.ask("service", "open", TwoServers.service, "--wait").state == "done")
        try await site.waitUntil(site.primary, owns: TwoServers.service)
        let opened = try await site.primary.status().service(TwoServers.service)
        #expect((opened?.epoch ?? 0) > (closed?.epoch ?? 0))
        try await site.waitUntilMirrored(site.primary, records: 1)
      }
    }

    /// C7: a request ends once, also one that is taken back.
    @Test func whatWaitsCanBeTakenBackAndWhatRunsCanNot() async throws {
      try await withTestNetwork { network in
        let site = try await TwoServers(in: network)
        let gate = try StepGate(network.sharedPath("gates"))
        try site.makeStore()
        let detach = try gate.command("detach")
        try site.writeNodeFiles {
          patient(&$0)
          $0.services[0].detachStorage = detach
        }
        try await site.startStatusMonitors()
        try await site.startDaemons()
        try gate.hold("detach")
        let first = try await site.adoptive.ask("migrate", TwoServers.service, "--to", "b")
        try await eventually("the first one runs") { gate.runs("detach") == 1 }
        let second = try await site.adoptive.ask("failback", TwoServers.service)
        let late = try await site.adoptive.lockferry("service", "cancel", TwoServers.service, first.id)
        #expect(late.end == .exited(113), "\(late.errors)")
        let cancelled = try await site.adoptive.ask(
          "service", "cancel", TwoServers.service, second.id, "--because", "changed my mind")
        #expect(cancelled.state == "cancelled")
        let again = try await site.primary.lockferry("service", "cancel", TwoServers.service, second.id)
        #expect(again.end == .exited(105), "\(again.errors)")
        try gate.open("detach")

        try await site.waitUntil(site.adoptive, owns: TwoServers.service)
        try await settled(site.adoptive, "online")
        try await always(for: .seconds(3), "it stays there") {
          try await site.adoptive.status().service(TwoServers.service)?.owner == "b"
        }
        let history = try await site.adoptive.history(TwoServers.service)
        let ends = history.filter { $0.request == second.id }
        #expect(ends.map(\.outcome) == ["cancelled"])
        #expect(ends.first?.problem?.hasSuffix(": changed my mind") == true)
      }
    }

    /// C7
    @Test func whatWaitsInTheQueueOutlivesKilledDaemonsAndRunsOnceInOrder() async throws {
      try await withTestNetwork { network in
        let site = try await TwoServers(in: network)
        let gate = try StepGate(network.sharedPath("gates"))
        try site.makeStore()
        let detach = try gate.command("detach")
        try site.writeNodeFiles { $0.services[0].detachStorage = detach }
        try await site.startStatusMonitors()
        let daemons = try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 2)
        try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)

        try gate.hold("detach")
        var asked: [RequestAnswer] = []
        asked.append(try await site.adoptive.ask("migrate", TwoServers.service, "--to", "b"))
        try await eventually("the first one runs") { gate.runs("detach") == 1 }
        asked.append(try await site.adoptive.ask("failback", TwoServers.service))
        asked.append(try await site.primary.ask("migrate", TwoServers.service, "--to", "a"))
        #expect(asked.map(\.state) == ["pending", "pending", "pending"])
        #expect(Set(asked.map(\.id)).count == 3)
        try await daemons.primary.kill()
        try await daemons.adoptive.kill()
        _ = try await site.primary.startLockferry()
        _ = try await site.adoptive.startLockferry()
        try await eventually("it goes on") { gate.runs("detach") == 2 }
        let waiting = try await value(within: .seconds(60), "the queue is seen") {
          let requests = try await site.adoptive.status().service(TwoServers.service)?.requests
          return requests?.isEmpty == false ? requests : nil
        }
        #expect(waiting.map(\.id) == asked.map(\.id))
        try gate.open("detach")

        try await eventually("all have ended") {
          try await site.primary.status().service(TwoServers.service)?.requests.isEmpty == true
        }
        try await site.waitUntil(site.primary, owns: TwoServers.service)
        let history = try await site.primary.history(TwoServers.service)
        let answered = asked.map { request in
          history.filter { $0.request == request.id }.map { "\($0.kind): \($0.outcome)" }
        }
        // A daemon that has just started may say that it can serve nothing yet, since its beats are late on a busy
        // machine; then whoever released the service for it takes it back, which nobody asked for, and releases it again.
        let moved = history.firstIndex { $0.request == asked[0].id && $0.kind == "adoption" }
        let takenBack = history.prefix(moved ?? 0).filter {
          $0.kind == "adoption" && $0.request == nil && $0.to == "a"
        }
        let releases = Array(repeating: "release: done", count: 1 + takenBack.count)
        #expect(
          answered == [
            releases + ["adoption: done"], ["release: done", "adoption: done"], ["request: failed"],
          ], "\(history.map { "\($0.number) \($0.kind) to \($0.to ?? "-"): \($0.because)" })")
        let last = history.first { $0.request == asked[2].id }
        #expect(last?.problem?.contains("a owns it already") == true)
        _ = try listener.callbacks()
      }
    }
  }

  /// C7
  @Suite("Many requests at once") struct ManyRequests {
    @Test func whatBothServersAskAtOnceIsAnsweredOnceEach() async throws {
      try await withTwoServers(patient) { site in
        try await site.startDaemons()
        let asked = try await withThrowingTaskGroup(of: RequestAnswer.self) { group in
          for number in 0..<10 {
            let host = number % 2 == 0 ? site.primary : site.adoptive
            group.addTask {
              number % 3 == 0
                ? try await host.ask("service", "close", TwoServers.service)
                : try await host.ask("migrate", TwoServers.service, "--to", "b")
            }
          }
          return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(asked.map(\.id)).count == 10)
        // A move is a release and an adoption, a closing a release and a closing; anything else is one entry.
        let ends = [
          ["request"], ["release", "adoption"], ["release", "closing"], ["closing"], ["adoption"],
        ]
        func kinds(_ request: RequestAnswer, _ history: [HistoryAnswer]) -> [String] {
          history.filter { $0.request == request.id }.map(\.kind)
        }
        try await eventually(within: .seconds(120), "all have ended") {
          let history = try await site.primary.history(TwoServers.service)
          return asked.allSatisfy { ends.contains(kinds($0, history)) }
        }
        try await eventually("nothing waits") {
          try await site.primary.status().service(TwoServers.service)?.requests.isEmpty == true
        }
        let history = try await site.primary.history(TwoServers.service)
        for request in asked {
          let kinds = kinds(request, history)
          #expect(ends.contains(kinds), "\(kinds)")
        }
        #expect(history.map(\.number).sorted() == Array(1...history.count))
      }
    }
  }

  /// T6
  @Suite("Drain and failback") struct DrainAndFailback {
    private static let second = "logs"

    private func twoServices(
      _ change: (inout NodeFile) -> Void = { _ in }, _ body: (TwoServers) async throws -> Void
    ) async throws {
      try await withTwoServers { file in
        for (name, address, candidates) in [
          (Self.second, "10.77.0.11", ["a", "b"]), ("solo", "10.77.0.12", ["a"]),
        ] {
          file.services.append(
            NodeFile.Service(
              name: name, home: "a", candidates: candidates, names: ["\(name).demo.test"],
              address: address + "/\(TestNetwork.prefixLength)"))
        }
        change(&file)
      } _: { site in
        try await site.startDaemons()
        try await eventually("a serves all") {
          try await site.primary.status().homeServices == 3
        }
        try await body(site)
      }
    }

    @Test func aDrainedNodeIsEmptiedInOrderAndStaysEmptyUntilItIsUndrained() async throws {
      try await twoServices { site in
        let planned = try await site.adoptive.lockferry("node", "drain", "a", "--dry-run").orThrow().output
        #expect(planned.contains("home     b") && planned.contains("solo     stays"))
        #expect(try await site.primary.status().homeServices == 3)

        let drained = try await site.adoptive.lockferry(
          "node", "drain", "a", "--wait", "--because", "new disks"
        ).orThrow()
        #expect(drained.output.contains("it has no other candidate"))
        try await eventually("b serves both") {
          try await site.adoptive.status().adoptedServices == 2
        }
        let primary = try await site.primary.status()
        #expect(primary.homeServices == 1)
        #expect(primary.drained?.because == "new disks")
        let first = try await site.adoptive.history(TwoServers.service).last { $0.kind == "adoption" }
        let second = try await site.adoptive.history(Self.second).last { $0.kind == "release" }
        // One after the other: the second leaves when the first is online.
        #expect(try #require(first?.started) <= #require(second?.started))

        try await site.adoptive.powerCut()
        try await always(for: .seconds(7), "nothing comes to a drained node") {
          try await site.primary.status().service(TwoServers.service)?.owner == "b"
        }
        _ = try await site.primary.lockferry("node", "undrain", "a").orThrow()
        try await eventually("a takes everything") {
          try await site.primary.status().homeServices == 3
        }
      }
    }

    @Test func whatFailedOverComesHomeWhenItIsAsked() async throws {
      try await twoServices { site in
        try await site.primary.powerCut()
        try await eventually("b serves both") {
          try await site.adoptive.status().adoptedServices == 2
        }
        try await site.primary.powerOn()
        try await site.primary.startPortMapper()
        try await site.primary.startStatusMonitor()
        _ = try await site.primary.startLockferry()
        try await eventually("b sees a") {
          try await site.adoptive.status().peer("a")?.beat == "alive"
        }
        try await always(for: .seconds(3), "failback is manual") {
          try await site.adoptive.status().adoptedServices == 2
        }
        _ = try await site.adoptive.lockferry("failback", "--node", "a", "--wait", within: .seconds(120))
          .orThrow()
        #expect(try await site.primary.status().homeServices == 3)
        let home = try await site.primary.history(TwoServers.service).last { $0.kind == "adoption" }
        #expect(home?.request != nil && home?.to == "a")
      }
    }

    @Test func automaticFailbackComesAfterAStretchOfGoodHealth() async throws {
      try await withTwoServers({ $0.services[0].failback = "{automatic: {after: 5s}}" }) { site in
        try await site.startDaemons()
        try await site.primary.powerCut()
        try await site.waitUntil(site.adoptive, owns: TwoServers.service)
        try await site.primary.powerOn()
        try await site.primary.startPortMapper()
        try await site.primary.startStatusMonitor()
        let started = ContinuousClock.now
        _ = try await site.primary.startLockferry()
        try await site.waitUntil(site.primary, owns: TwoServers.service)
        #expect(ContinuousClock.now - started >= .seconds(5))
        let entry = try await site.primary.history(TwoServers.service).last { $0.kind == "release" }
        #expect(entry?.because == "its home a has been well for long enough")
      }
    }
  }

  /// R11 of the failover rules, C7
  @Suite("Pause") struct Pause {
    @Test func aPausedClusterAdoptsNothingUntilItIsResumed() async throws {
      try await withTwoServers { site in
        try await site.startDaemons()
        _ = try await site.adoptive.lockferry("pause", "--because", "store work").orThrow()
        try await site.primary.powerCut()
        try await always(for: .seconds(8), "nobody adopts while the cluster is paused") {
          try await site.adoptive.status().service(TwoServers.service)?.owner == "a"
        }
        let paused = try await site.adoptive.status()
        #expect(paused.paused?.because == "store work")
        #expect(paused.peer("a")?.beat == "dead")
        #expect(
          try await site.adoptive.lockferry("status").orThrow().output.hasPrefix("PAUSED by root since "))
        try await eventually("b is ready") { try await site.adoptive.healthCode("/readiness") == 200 }
        let resumed = try await site.adoptive.lockferry("resume").orThrow()
        #expect(resumed.output == "the cluster is not paused\n")
        try await eventually("b adopts") {
          let service = try await site.adoptive.status().service(TwoServers.service)
          return service?.owner == "b" && service?.state == "online"
        }
      }
    }

    @Test func aNamedNodeIsMovedToDuringAPause() async throws {
      try await withTwoServers(patient) { site in
        try await site.startDaemons()
        _ = try await site.primary.lockferry("pause").orThrow()
        let moved = try await site.primary.ask("migrate", TwoServers.service, "--to", "b", "--wait")
        #expect(moved.state == "done")
        try await site.waitUntil(site.adoptive, owns: TwoServers.service)
      }
    }
  }
}
