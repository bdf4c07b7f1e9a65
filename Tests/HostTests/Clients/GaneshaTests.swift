import Foundation
import HostTestKit
import Testing

extension ClientHostTests {
  /// B1 B9: `lockferry statd` under NFS-Ganesha, whose lock manager asks for records as the kernel's does.
  @Suite(
    "lockferry statd and NFS-Ganesha",
    .enabled(
      if: Ganesha.folder != nil,
      "no ganesha.nfsd: make test unpacks it, or scripts/unpack-packages .build/ganesha nfs-ganesha nfs-ganesha-mem"
    ))
  struct GaneshaTests {
    @Test("B1 B9 a lock at Ganesha leaves a record, and is free again when its client says that it restarted")
    func lock() async throws {
      try await withTestNetwork { network in
        let server = try await network.addHost("server")
        let first = try await network.addHost("first")
        let second = try await network.addHost("second")
        try await server.startPortMapper()
        try await server.startOwnStatusMonitor()
        try await Ganesha.start(on: server)
        #expect(try await first.lock(at: server) == "granted")
        #expect(server.recordNames == [first.address])
        let record = try String(
          contentsOfFile: server.statusDirectory + "/sm/\(first.address)", encoding: .utf8)
        #expect(
          record.hasPrefix("0100007f 000186b5 00000004 00000010 "), "Ganesha asks for version 4: \(record)")

        #expect(try await second.lock(at: server) == "denied")
        try await first.run([
          HostTestKit.builtProgram("nsm-peer"), "notify", "--host", server.address, "--mon-name", "first",
          "--state", "3",
        ]).orThrow()
        try await eventually("the lock of the client that restarted is free") {
          try await second.lock(at: server) == "granted"
        }
        #expect(server.recordNames.contains(second.address))
      }
    }

    @Test("B1 B9 refuse: no record in the store, no lock at Ganesha")
    func refusal() async throws {
      try await withTestNetwork { network in
        let site = try await CalloutSite(in: network) { $0.statd = "{when_not_mirrored: refuse}" }
        let client = try await network.addHost("client")
        try await site.server.startPortMapper()
        try await site.server.startOwnStatusMonitor("--config", site.server.nodeFilePath)
        try await Ganesha.start(on: site.server)
        #expect(try await client.lock(at: site.server) == "denied-nolocks")
        try await site.startDaemon()
        try await eventually("the client gets its lock") {
          try await client.lock(at: site.server) == "granted"
        }
        #expect(site.isDurable(client.address))
      }
    }
  }
}
