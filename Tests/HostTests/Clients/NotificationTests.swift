import Foundation
import HostTestKit
import Testing

extension ClientHostTests {
  /// B2 B6 B7 M7: the daemon's own notifier on real status monitors.
  @Suite("Telling the clients of a service") struct Notification {
    /// M7: sm-notify stays as a choice.
    @Test func clientsAreToldBySmNotifyWhereTheOperatorChoseIt() async throws {
      try await withTwoServers({ file in
        for index in file.services.indices { file.services[index].notifiesBySmNotify = true }
      }) { site in
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 1)
        let seen = try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        try await site.primary.powerCut()
        #expect(try await listener.callback("the client is called back").state > seen)
        let entry = try await site.adoption(by: site.adoptive)
        #expect(entry.clients.map(\.told) == [true])
      }
    }

    /// B6: the ledger says by which names, and a new attempt takes a number that the client has not seen.
    @Test func clientsAreToldAgainWithANewNumberWhenTheOperatorAsks() async throws {
      try await withTwoServers { site in
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 2)
        try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        try await site.primary.powerCut()
        let first = try await listener.callback("the client is called back")
        let adoption = try await site.adoption(by: site.adoptive)
        let client = try #require(adoption.clients.first)
        #expect(client.address == site.client.address)
        #expect(adoption.names == [TwoServers.serverName, "nfs", TwoServers.address])
        #expect(client.names == nil)
        #expect((client.attempts ?? 0) >= 1)
        let answered = try #require(client.firstAnswerMilliseconds)
        #expect(answered <= (client.toldMilliseconds ?? -1))

        try await site.waitUntil(site.adoptive, owns: TwoServers.service)
        let again = try await site.adoptive.lockferry(
          "notify", TwoServers.service, "--wait", "--because", "test"
        )
        .orThrow()
        #expect(again.output.hasPrefix("service home: 1 of 1 told"))
        let second = try await listener.callback("the client is called back again") {
          $0.state != first.state
        }
        #expect(second.state > first.state)
        let entry = try await value("the notification is in the history") {
          try await site.adoptive.history(TwoServers.service).last { entry in
            entry.kind == "notification" && entry.clientCount == 1 && entry.untoldCount == 0
          }
        }
        #expect(entry.stateNumber == second.state)
        let shown = try await site.adoptive.lockferry("history", "show", "\(entry.number)").orThrow().output
        #expect(shown.contains(TwoServers.clientName) && shown.contains(TwoServers.serverName))
        // Its own node's daemon alone can do it.
        #expect(try await site.adoptive.lockferry("notify", "nosuch").end == .exited(105))
      }
    }

    /// B6: no entry says that clients are being told where nobody tells them.
    @Test func anEntryWhoseNotificationCouldNotBeginSaysWhy() async throws {
      try await withTwoServers(patient) { site in
        let daemon = try await site.primary.startLockferry()
        try await site.waitUntil(site.primary, owns: TwoServers.service)
        try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        // Where the attempt's directory should be made there is a file.
        let place = site.primary.disk + "/state/notify"
        try Data().write(to: URL(fileURLWithPath: place))
        let refused = try await site.primary.lockferry("notify", TwoServers.service)
        #expect(refused.end == .exited(1), "\(refused.errors)")
        let failed = try #require(try await site.primary.history(TwoServers.service).last)
        #expect(failed.kind == "notification" && failed.outcome == "failed" && failed.problem != nil)
        try FileManager.default.removeItem(atPath: place)

        // As a daemon leaves it that is killed before it could begin.
        let folder = "\(site.store)/services/\(TwoServers.service)/history/0000000"
        let entry = try String(contentsOfFile: folder + "\(failed.number)", encoding: .utf8)
          .replacingOccurrences(of: "\"failed\"", with: "\"running\"")
          .replacingOccurrences(
            of: "\"number\" : \(failed.number)", with: "\"number\" : \(failed.number + 1)")
        try await daemon.kill()
        try entry.write(toFile: folder + "\(failed.number + 1)", atomically: true, encoding: .utf8)
        _ = try await site.primary.startLockferry()
        try await eventually("the entry says that nobody was told") {
          let last = try await site.primary.history(TwoServers.service).last
          return last?.number == failed.number + 1 && last?.outcome == "failed"
        }
      }
    }

    /// B6: the ledger per client, however many there are.
    @Test func everyOneOfFiveThousandClientsIsInTheHistory() async throws {
      try await withTestNetwork { network in
        let site = try await CrowdedService(in: network, clients: 5_000, ["--dead", "2%"])
        let adoptive = site.servers.adoptive
        try await site.servers.primary.powerCut()
        let entry = try await value("all that live are told") {
          let entry = try await site.servers.adoption(by: adoptive, within: .seconds(120))
          return entry.untoldCount == 100 ? entry : nil
        }
        let heard = try await site.crowd.stop()
        #expect(entry.names == CrowdedService.names)
        #expect(entry.clientCount == 5_000 && entry.untoldCount == 100)
        #expect(Set(entry.clients.map(\.client)) == Set(site.crowd.addresses))
        #expect(
          Set(entry.clients.filter(\.told).map(\.client)) == Set(heard.clients.filter(\.told).map(\.address)))
        for client in entry.clients {
          #expect(client.address == client.client && (client.attempts ?? 0) > 0)
          #expect(
            client.told
              ? client.firstAnswerMilliseconds != nil && client.problem == nil : client.problem != nil)
          #expect(client.names == (client.told ? nil : []))
        }
        // Whoever lists the history reads none of them.
        let list = try await adoptive.lockferry("history", "home", "-o", "json").orThrow().output
        #expect(list.utf8.count < 65_536)
        // Nobody comes back for his locks, and the grace period may be over by now.
        let command = try await adoptive.lockferry("history", "show", "\(entry.number)")
        #expect([112, 115].contains { command.end == .exited($0) }, "\(command.errors)")
        let shown = command.output
        #expect(site.crowd.addresses.allSatisfy { shown.contains("\n\($0) ") })
        // The owner before is dead, and any other node that reaches the store can tell, too.
        let files = try FileManager.default.contentsOfDirectory(
          atPath: "\(site.servers.store)/services/home/ledger/0000000\(entry.number)")
        #expect(files.count { !$0.hasPrefix(".") } >= 3)
      }
    }

    /// B2: killed while it tells them in an adoption, and again when the service is online.
    @Test func aDaemonThatIsKilledWhileItTellsForgetsNobodyAndDoesNotBeginAnew() async throws {
      try await withTestNetwork { network in
        let site = try await CrowdedService(in: network, clients: 3_000, ["--hold-at", "1000"])
        let adoptive = site.servers.adoptive
        try await site.servers.primary.powerCut()
        try await site.crowd.waitUntilHeld(within: .seconds(120))
        try await eventually("whose answers have come is remembered") { site.left == 2_000 }
        try await site.daemon.kill()
        let second = try await adoptive.startLockferry()
        try await site.servers.waitUntil(adoptive, owns: TwoServers.service)
        #expect(site.left == 2_000)
        let adoption = try await site.servers.adoption(by: adoptive)
        #expect(adoption.clientCount == 3_000 && adoption.untoldCount == 2_000)
        try await second.kill()
        _ = try await adoptive.startLockferry()
        try await site.servers.waitUntil(adoptive, owns: TwoServers.service)
        site.crowd.resume()
        let told = try await value(within: .seconds(120), "the history says that all were told") {
          let entry = try await site.servers.adoption(by: adoptive)
          return entry.untoldCount == 0 ? entry : nil
        }
        #expect(told.number == adoption.number && told.clientCount == 3_000 && told.clients.count == 3_000)
        #expect(told.clients.allSatisfy { $0.address != nil && $0.firstAnswerMilliseconds != nil })
        let heard = try await site.crowd.stop()
        #expect(heard.summary.told == 3_000)
        #expect(heard.summary.states.map(\.value) == ["\(told.stateNumber ?? 0)"])
        let before = Set(adoption.clients.filter(\.told).map(\.client))
        #expect(before.count == 1_000)
        // Some may have been told again before their answer came; had the next daemon begun anew, all would have been.
        let toldAgain = heard.clients.count { client in
          before.contains(client.address) && client.notifications.contains { $0.udp + $0.tcp > 1 }
        }
        #expect(toldAgain < before.count / 2)
      }
    }

    /// B7: nobody is told anything, and who could not be told is named.
    @Test func aDrillReachesEveryClientThatLivesAndTellsNobody() async throws {
      try await withTwoServers(patient) { site in
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 1)
        try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        let well = try await site.adoptive.lockferry("drill", TwoServers.service)
        #expect(well.end == .exited(0), "\(well.output)\(well.errors)")
        #expect(well.output.hasPrefix("1 of 1 clients of home reached from b"))

        // An address on the network that nobody has.
        try await site.primary.monitor("10.77.0.99", as: TwoServers.serverName)
        try await site.waitUntilMirrored(site.primary, records: 2)
        let partly = try await site.adoptive.lockferry("drill", TwoServers.service, "--for", "12s")
        #expect(partly.end == .exited(1))
        #expect(partly.output.hasPrefix("1 of 2 clients of home reached from b"))
        #expect(partly.output.contains("10.77.0.99"))
        #expect(try listener.callbacks().isEmpty)
      }
    }

    /// B2: a client that was away is told when it is back, also by a daemon that was killed meanwhile, and the history
    /// says so in the end.
    @Test func aClientThatWasAwayIsToldWhenItReturns() async throws {
      try await withTestNetwork { network in
        let site = try await TwoServers(in: network)
        try site.makeStore()
        try site.writeNodeFiles()
        for host in [site.primary, site.adoptive, site.client] { try await host.startPortMapper() }
        for host in site.servers { try await host.startStatusMonitor() }
        let statd = try await site.client.startStatusMonitor()
        let daemon = try await site.startDaemons().adoptive
        let seen = try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)

        try await statd.kill()
        try await site.primary.powerCut()
        let adoption = try await site.adoption(by: site.adoptive)
        #expect(adoption.clients.map(\.told) == [false])
        #expect(adoption.clients.first?.problem != nil)
        try await site.waitUntil(site.adoptive, owns: TwoServers.service)
        try await daemon.kill()
        _ = try await site.adoptive.startLockferry()
        try await site.waitUntil(site.adoptive, owns: TwoServers.service)

        let listener = try await site.client.listen(callbacks: 1)
        // It still has the record of the server's name.
        try await site.client.startStatusMonitor()
        #expect(try await listener.callback("the client is called back").state > seen)
        try await eventually("the history says that it was told") {
          try await site.adoption(by: site.adoptive).clients.map(\.told) == [true]
        }
      }
    }
  }
}
