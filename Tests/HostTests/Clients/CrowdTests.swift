import Foundation
import HostTestKit
import Testing

extension ClientHostTests {
  /// `nsm-peer crowd` as the stock programs see it: whoever tells it tells clients as real ones would be.
  @Suite("The crowd of clients") struct CrowdOfClients {
    /// nfs-utils 2.6.2 and later.
    @Test func theRealSmNotifyTellsEveryClientOfTheCrowd() async throws {
      try await withTestNetwork { network in
        try network.name("10.77.0.10", "nfs.demo.test", "nfs")
        let host = try await network.addHost("server")
        try await host.run(["ip", "address", "add", "10.77.0.10/24", "dev", "eth0"]).orThrow()
        let crowd = try await host.startCrowd(clients: 20, names: ["nfs.demo.test", "nfs"])
        let folder = try host.makeStatusDirectory("private", clients: crowd.addresses, state: 71)
        let notifier = try await host.start(
          ["sm-notify", "-d", "-n", "-m", "1", "-P", folder, "-v", "nfs.demo.test"])
        try await notifier.waitForEnd(within: .seconds(60))
        #expect(notifier.end == .exited(0))

        let heard = try await crowd.stop()
        let words = notifier.errors + notifier.output
        #expect(words.components(separatedBy: "notified successfully").count - 1 == 20)
        #expect(heard.summary.told == 20 && heard.summary.tellable == 20)
        #expect(heard.clients.allSatisfy { Set($0.notifications.map(\.name)) == ["nfs.demo.test", "nfs"] })
        #expect(heard.summary.states.map(\.value) == ["71"])
        #expect(heard.summary.sources.map(\.address) == ["10.77.0.10"])
        #expect(heard.summary.sources[0].privileged == heard.summary.notifications)
        #expect(heard.summary.packets.lookUps >= 20)
      }
    }

    @Test(arguments: [false, true])
    func libtirpcsClientsReachItOverUDPAndTCP(isIPv6: Bool) async throws {
      try await withTestNetwork { network in
        let host = try await network.addHost("server")
        let crowd = try await host.startCrowd(clients: 4, isIPv6: isIPv6, names: ["nfs"])
        let suffix = isIPv6 ? "6" : ""
        for (transport, client) in [("udp", 0), ("tcp", 1)] {
          for (program, version) in [("100024", "1"), ("100000", isIPv6 ? "3" : "2"), ("100000", "4")] {
            try await host.run(
              ["rpcinfo", "-T", transport + suffix, crowd.addresses[client], program, version]
            ).orThrow()
          }
          try await host.notify(crowd.addresses[client], of: "nfs", state: 5, over: transport).orThrow()
        }
        try await host.notify(crowd.addresses[1], of: "nfs", state: 5, over: "udp").orThrow()
        let heard = try await crowd.stop()
        #expect(heard.summary.told == 2)
        // nsm-peer asks again after a second.
        #expect(heard.summary.duplicates >= 1)
        #expect(heard.clients.map { $0.notifications.map { $0.udp > 0 } } == [[true], [true], [], []])
        #expect(heard.clients.map { $0.notifications.map(\.tcp) } == [[0], [1], [], []])
      }
    }

    @Test func faultyClientsFailAsTheirOptionsSay() async throws {
      /// Options, and over which transports a status monitor's caller gets through at once.
      let cases: [([String], udp: Bool, tcp: Bool)] = [
        ([], true, true),
        (["--dead", "100%"], false, false),
        (["--no-statd", "100%"], false, false),
        (["--silent-udp", "100%"], false, true),
        (["--closed-udp", "100%"], false, true),
        (["--silent-tcp", "100%"], true, false),
        (["--program-unavailable", "100%", "--error-calls", "0"], false, false),
        (["--drop-requests", "100%"], false, true),
        (["--drop-replies", "100%"], false, true),
        (["--garbage", "100%"], false, true),
        (["--wrong-id", "100%"], false, true),
        (["--duplicate", "100%", "--reorder", "100%"], true, true),
      ]
      try await withTestNetwork { network in
        let host = try await network.addHost("server")
        for (options, udp, tcp) in cases {
          let crowd = try await host.startCrowd(clients: 2, options)
          for (transport, expected) in [("udp", udp), ("tcp", tcp)] {
            let result = try await host.notify(
              crowd.addresses[0], of: "nfs", state: 3, over: transport, limit: expected ? 10 : 1)
            #expect(result.end.succeeded == expected, "\(options) over \(transport): \(result.errors)")
          }
          let heard = try await crowd.stop()
          // A request whose reply gets lost has been heard all the same.
          #expect(heard.clients[0].told == (udp || tcp), "\(options)")
        }
      }
    }
  }
}

extension TestHost {
  /// `nsm-peer notify`
  func notify(
    _ client: String, of name: String, state: Int, over transport: String, limit: Int = 10
  ) async throws -> CommandResult {
    try await run([
      HostTestKit.builtProgram("nsm-peer"), "notify", "--host", client, "--mon-name", name, "--state",
      "\(state)", "--transport", transport, "--limit", "\(limit)",
    ])
  }

  /// Makes a status directory of its own with a record for each client, named by its address, as it lies after a
  /// crash: `sm`, `sm.bak`, `state`, of statd's user. Returns its path.
  func makeStatusDirectory(_ name: String, clients: [String], state: Int32?) throws -> String {
    let folder = disk + "/" + name
    for part in ["sm", "sm.bak"] {
      try FileManager.default.createDirectory(
        atPath: folder + "/" + part, withIntermediateDirectories: true)
    }
    for client in clients {
      let line =
        "0100007f 000186b5 00000003 00000010 \(String(repeating: "0", count: 32)) \(client) nfs.demo.test\n"
      try Data(line.utf8).write(to: URL(fileURLWithPath: "\(folder)/sm/\(client)"))
    }
    if let state {
      try withUnsafeBytes(of: state) { try Data($0).write(to: URL(fileURLWithPath: folder + "/state")) }
    }
    return folder
  }
}
