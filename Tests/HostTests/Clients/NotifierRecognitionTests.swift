import Foundation
import HostTestKit
import Testing

extension ClientHostTests {
  /// `lockferry notify` against the real rpc.statd: an answer is no recognition, the callback is (M7).
  @Suite("The notifier and real status monitors") struct NotifierRecognition {
    /// How the client knows the server, and how the server knows the client.
    struct Acquaintance: CustomTestStringConvertible, Sendable {
      let isIPv6: Bool
      /// The name under which the client monitors the server.
      let server: String
      /// The record's name: the client's address or host name.
      let client: String

      var testDescription: String { "\(client) monitors \(server)" }

      static let all = [
        Acquaintance(isIPv6: false, server: "nfs.demo.test", client: "10.77.0.2"),
        Acquaintance(isIPv6: false, server: "nfs", client: "client.demo.test"),
        Acquaintance(isIPv6: false, server: "10.77.0.10", client: "10.77.0.2"),
        Acquaintance(isIPv6: true, server: "nfs.demo.test", client: "fd77::2"),
        Acquaintance(isIPv6: true, server: "nfs", client: "client6.demo.test"),
        Acquaintance(isIPv6: true, server: "fd77::10", client: "fd77::2"),
      ]
    }

    @Test(arguments: Acquaintance.all)
    func theClientsLockManagerIsCalledBack(_ case: Acquaintance) async throws {
      try await withTestNetwork { network in
        let site = try await NotifierSite(in: network, isIPv6: `case`.isIPv6)
        let client = try await network.addHost("client")
        if `case`.isIPv6 {
          try network.name("fd77::2", "client6.demo.test")
          try await client.add(address: "fd77::2")
        }
        try await client.startPortMapper()
        try await client.startStatusMonitor()
        let listener = try await client.listen(callbacks: 1)
        try await client.monitor(`case`.server, as: "client")

        let folder = try site.server.makeStatusDirectory("private", clients: [`case`.client], state: 71)
        let told = try await site.end(of: site.start(folder))
        #expect(told.end == .exited(0))
        let callback = try await listener.callback("the client's program is called back")
        #expect(callback.monName == `case`.server)
        #expect(callback.state == 73)
        #expect(site.untold(in: folder).isEmpty)
      }
    }

    /// A number that the client has seen does nothing there, so a new run takes a new one, and the client reclaims
    /// once more.
    @Test func aSecondRunIsNewsToTheClient() async throws {
      try await withTestNetwork { network in
        let site = try await NotifierSite(in: network)
        let client = try await network.addHost("client")
        try await client.startPortMapper()
        try await client.startStatusMonitor()
        let listener = try await client.listen(callbacks: 2)
        try await client.monitor(NotifierSite.name, as: "client")
        let folder = try site.server.makeStatusDirectory("private", clients: [client.address], state: 71)
        #expect(try await site.end(of: site.start(folder)).answer.stateNumber == 73)
        _ = try await listener.callback("the first run calls back") { $0.state == 73 }
        _ = try site.server.makeStatusDirectory("private", clients: [client.address], state: nil)
        #expect(try await site.end(of: site.start(folder)).answer.stateNumber == 75)
        _ = try await listener.callback("the second run calls back") { $0.state == 75 }
        #expect(try listener.callbacks().count == 2)
      }
    }
  }
}
