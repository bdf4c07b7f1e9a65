import Foundation
import HostTestKit
import Testing

extension ClientHostTests {
  /// M5 M7: who loses locks whenever an adoption restarts this node's NFS server.
  @Suite("Clients of a server that adoptions restart") struct OwnClients {
    /// Both servers' daemons run, `recovery.server` restarts nothing that could be seen, and b has a client of its own: it
    /// has told b's status monitor so, and hears of restarts by `b.demo.test`.
    private func withOwnClient(
      callbacks: Int, _ change: (inout NodeFile) -> Void = { _ in },
      _ body: (TwoServers, _ other: TestHost, CallbackListener) async throws -> Void
    ) async throws {
      try await withTestNetwork { network in
        let site = try await TwoServers(in: network)
        let other = try await network.addHost("other")
        try site.makeStore()
        try site.writeNodeFiles {
          $0.services[0].serverRecovery = .program(["/bin/true"])
          change(&$0)
        }
        try await site.startStatusMonitors()
        try await other.startPortMapper()
        try await other.startStatusMonitor()
        try await site.startDaemons()
        let listener = try await other.listen(callbacks: callbacks)
        try await other.monitor("b.demo.test", as: "other.demo.test")
        try await body(site, other, listener)
      }
    }

    /// `recovery.server` restarts the NFS server of the adoptive node, and with it go the locks of that server's own
    /// clients: they are told as well, by the name that they know.
    @Test func theyAreToldThatItWasRestarted() async throws {
      try await withOwnClient(callbacks: 1) { site, other, otherListener in
        let listener = try await site.client.listen(callbacks: 1)
        try await site.firstLock(on: site.primary)
        let seen = try await site.adoptive.monitor(other.address, as: "b.demo.test").state
        try await site.waitUntilMirrored(site.primary, records: 1)

        try await site.primary.powerCut()
        let callback = try await otherListener.callback("the adoptive server's own client is called back")
        #expect(callback.monName == "b.demo.test")
        #expect(callback.state > seen && callback.state % 2 == 1)
        #expect(try await listener.callback("the service's client is called back").state == callback.state)
        let entry = try await site.adoption(by: site.adoptive)
        #expect(entry.clients.map(\.client) == [TwoServers.clientName])
        let step = try #require(entry.steps.first { $0.step == "notify" })
        #expect(step.detail.contains("1 of 1 clients of this node's own NFS server told"), "\(step.detail)")
      }
    }

    /// While the service was here, this node's own clients were mirrored with it: that must not make them its clients
    /// alone, who are told by its names.
    @Test func theyAreToldAlsoWhenTheServiceComesHereAgain() async throws {
      try await withOwnClient(callbacks: 2, patient) { site, other, listener in
        try await site.adoptive.monitor(other.address, as: "b.demo.test")

        try await site.primary.lockferry("migrate", TwoServers.service, "--to", "b", "--wait").orThrow()
        let first = try await listener.callback("b's own client is told of the first restart")
        try await site.waitUntilMirrored(site.adoptive, records: 1)
        try await site.primary.lockferry("failback", TwoServers.service, "--wait").orThrow()
        try await site.primary.lockferry("migrate", TwoServers.service, "--to", "b", "--wait").orThrow()
        let second = try await listener.callback("b's own client is told of the second restart") {
          $0.state > first.state
        }
        #expect(first.monName == "b.demo.test" && second.monName == "b.demo.test")
      }
    }

    /// b can adopt two services of a, each of which restarts b's NFS server and writes down which number it is told.
    private func withTwoServices(
      _ body: (TwoServers, _ second: String, _ numbers: () throws -> [Int]) async throws -> Void
    ) async throws {
      try await withTestNetwork { network in
        let site = try await TwoServers(in: network)
        let (second, secondName) = ("logs", "logs.demo.test")
        try network.name("10.77.0.11", secondName)
        let restarts = network.sharedPath("restarts")
        try site.makeStore()
        try site.writeNodeFiles { file in
          let address = "10.77.0.11/\(TestNetwork.prefixLength)"
          file.services.append(
            NodeFile.Service(
              name: second, home: "a", candidates: ["a", "b"], names: [secondName], address: address))
          for index in file.services.indices {
            file.services[index].serverRecovery = .program([
              "/bin/sh", "-c",
              "echo begin >> '\(restarts)'; sleep 0.3; echo \"$LOCKFERRY_STATE_NUMBER\" >> '\(restarts)'",
            ])
          }
        }
        try await site.startStatusMonitors()
        try await site.startDaemons()
        try await eventually("a serves both") {
          try await site.primary.status().homeServices == 2
        }
        try await site.firstLock(on: site.primary)
        try await site.client.monitor(secondName, as: TwoServers.clientName)
        try await site.waitUntilMirrored(site.primary, records: 1)
        try? FileManager.default.removeItem(atPath: restarts)
        try await body(site, secondName) {
          let lines = try String(contentsOfFile: restarts, encoding: .utf8).split(separator: "\n").map(
            String.init)
          // One after the other, each with a number of its own.
          let begun = stride(from: 0, to: lines.count, by: 2).map { lines[$0] }
          #expect(begun.allSatisfy { $0 == "begin" }, "\(lines)")
          let numbers = lines.compactMap(Int.init)
          #expect(numbers == Set(numbers).sorted() && numbers.count * 2 == lines.count, "\(lines)")
          return numbers
        }
      }
    }

    /// One server dies with two services, and the other takes both: the second restart takes what was reclaimed after the
    /// first, so it has to be told with a number of its own.
    @Test func twoServicesThatComeAtOnceAreToldOfTheLastRestart() async throws {
      try await withTwoServices { site, secondName, numbers in
        let listener = try await site.client.listen(callbacks: 12)
        try await site.primary.powerCut()
        try await eventually("b serves both") {
          try await site.adoptive.status().adoptedServices == 2
        }
        let told = try numbers()
        #expect(told.count >= 2)
        let last = try #require(told.last)
        for name in [TwoServers.serverName, secondName] {
          _ = try await listener.callback("the client hears of the last restart, as \(name)") {
            $0.monName == name && $0.state == last
          }
        }
      }
    }

    /// Whoever can't be reached while both come must not hear of the first restart after the second, when the grace period
    /// may be over: it would let go of what it has reclaimed.
    @Test func whoIsReachedLateHearsOfTheLastRestartAlone() async throws {
      try await withTwoServices { site, secondName, numbers in
        let listener = try await site.client.listen(callbacks: 12)
        try await site.client.disconnect()
        try await site.primary.powerCut()
        try await eventually("b serves both") {
          try await site.adoptive.status().adoptedServices == 2
        }
        try await site.client.reconnect()
        let last = try #require(try numbers().last)
        for name in [TwoServers.serverName, secondName] {
          _ = try await listener.callback("the client hears of the last restart, as \(name)") {
            $0.monName == name && $0.state == last
          }
        }
        try await eventually("nobody is left to tell") {
          try await site.adoptive.history(TwoServers.service).last?.untoldCount == 0
        }
        let heard = try listener.callbacks().map(\.state)
        #expect(heard.allSatisfy { $0 == last }, "\(heard), of which \(last) is the last")
      }
    }
  }
}
