import Foundation
import HostTestKit
import Testing

extension HostTests {
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
        try await eventually(within: .seconds(60), "the client gets its lock") {
          try await client.lock(at: site.server) == "granted"
        }
        #expect(site.isDurable(client.address))
      }
    }
  }
}

/// NFS-Ganesha, as this machine's Debian has it.
private enum Ganesha {
  /// Where it was unpacked, or `/` where it is installed; nil where it is neither.
  static let folder: String? = {
    let programs = (try? HostTestKit.builtProgram("nsm-peer")).map { URL(fileURLWithPath: $0) }
    let build = programs?.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return [build?.appendingPathComponent("ganesha").path, ""].compactMap(\.self).first {
      FileManager.default.isExecutableFile(atPath: $0 + "/usr/bin/ganesha.nfsd")
    }
  }()

  /// Starts it with one export in memory and no grace period, and waits until its lock manager is registered.
  static func start(on host: TestHost) async throws {
    let folder = try #require(folder)
    let libraries = try FileManager.default.contentsOfDirectory(atPath: folder + "/usr/lib")
      .map { "\(folder)/usr/lib/\($0)" }
    let plugins = try #require(
      libraries.map { $0 + "/ganesha" }.first {
        FileManager.default.fileExists(atPath: $0 + "/libfsalmem.so")
      })
    let configuration = """
      NFS_CORE_PARAM {
        Protocols = 3; Enable_NLM = true; Enable_RQUOTA = false;
        Plugins_Dir = "\(plugins)";
      }
      NFSV4 { Graceless = true; }
      EXPORT {
        Export_Id = 77; Path = /mem; Pseudo = /mem; Access_Type = RW; Protocols = 3; Transports = TCP;
        SecType = none; Squash = No_Root_Squash; Anonymous_uid = 0; Anonymous_gid = 0;
        FSAL { Name = MEM; }
      }
      """
    try configuration.write(toFile: host.disk + "/ganesha.conf", atomically: true, encoding: .utf8)
    let script = """
      mkdir -p /var/lib/nfs/ganesha /run/ganesha
      export LD_LIBRARY_PATH=\((libraries + libraries.map { $0 + "/ganesha" }).joined(separator: ":"))
      exec '\(folder)/usr/bin/ganesha.nfsd' -F -L '\(host.disk)/ganesha.log' -f '\(host.disk)/ganesha.conf' -p /run/ganesha.pid
      """
    let program = try await host.start(["bash", "-c", script], as: "ganesha")
    try await eventually("Ganesha answers") {
      let log = (try? String(contentsOfFile: host.disk + "/ganesha.log", encoding: .utf8)) ?? ""
      if let end = program.end { throw HostTestError("Ganesha: \(end): \(program.errors)\n\(log)") }
      return try await host.run(["rpcinfo", "-T", "tcp", "127.0.0.1", "nlockmgr"]).end.succeeded
    }
  }
}

extension TestHost {
  /// What the NFS server on `server` answers to this host, which asks for a lock on a file of `/mem`.
  fileprivate func lock(at server: TestHost) async throws -> String {
    let result = try await run([
      HostTestKit.builtProgram("nsm-peer"), "lock", "--host", server.address, "--export", "/mem", "--my-name",
      name,
    ]).orThrow()
    let answer = try JSONDecoder().decode([String: String].self, from: Data(result.output.utf8))
    return try #require(answer["result"])
  }
}
