import Foundation
import Glibc
import HostTestKit
import Testing

extension HostTests {
  /// What the stock programs do on these hosts, without lockferry: the ground the other tests stand on
  /// (nfs-utils 2.6.2 and later).
  @Suite("The stock status monitor on test hosts") struct StockStatusMonitor {
    @Test func aLockThatIsMonitoredLeavesARecordNamedAfterTheClient() async throws {
      try await withTestNetwork { network in
        let server = try await network.addHost("server")
        let client = try await network.addHost("client")
        try await server.startPortMapper()
        try await server.startStatusMonitor()
        let answer = try await server.monitor(client.address, as: "nfs.demo.test")
        #expect(answer.result == "success")
        #expect(answer.state == server.stateNumber.map(Int.init))
        #expect(server.recordNames == ["client.demo.test"])
        let record = try String(
          contentsOfFile: server.statusDirectory + "/sm/client.demo.test", encoding: .utf8)
        #expect(record.hasPrefix("0100007f 000186b5 00000003 00000010 "))
        #expect(record.hasSuffix(" \(client.address) nfs.demo.test\n"))
        try await server.unmonitor(client.address, as: "nfs.demo.test")
        #expect(server.recordNames.isEmpty)
      }
    }

    /// M7 by hand: what an adoption has to bring about, done with sm-notify alone. If this fails, the machine is to
    /// blame and not lockferry.
    @Test func aNotificationFromAnotherServerUnderTheServiceNameCallsTheClientsProgramBack() async throws {
      try await withTestNetwork { network in
        try network.name("10.77.0.10", "nfs.demo.test", "nfs")
        let adoptive = try await network.addHost("b")
        let client = try await network.addHost("client")
        try await client.startPortMapper()
        try await client.startStatusMonitor()
        let listener = try await client.listen(callbacks: 1)
        try await client.monitor("nfs.demo.test", as: "client.demo.test")

        let folder = adoptive.disk + "/private"
        for name in ["sm", "sm.bak"] {
          try FileManager.default.createDirectory(
            atPath: folder + "/" + name, withIntermediateDirectories: true)
        }
        try Data(
          "0100007f 000186b5 00000003 00000010 \(String(repeating: "0", count: 32)) client nfs.demo.test\n"
            .utf8
        )
        .write(to: URL(fileURLWithPath: folder + "/sm/\(client.address)"))
        try withUnsafeBytes(of: Int32(71)) { try Data($0).write(to: URL(fileURLWithPath: folder + "/state")) }
        try await adoptive.run(["chown", "-R", "statd", folder]).orThrow()
        try await adoptive.run(["ip", "address", "add", "10.77.0.10/24", "dev", "eth0"]).orThrow()
        _ = try await adoptive.start([
          "sm-notify", "-d", "-n", "-m", "1", "-P", folder, "-v", "nfs.demo.test",
        ])

        let callback = try await listener.callback("the client's program is called back")
        #expect(callback.monName == "nfs.demo.test")
        #expect(callback.state == 71)
      }
    }
  }
}
