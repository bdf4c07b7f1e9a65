import Foundation
import Glibc
import HostTestKit
import Testing

extension HostTests {
  /// B1 M2: `lockferry statd` among the real programs of nfs-utils and rpcbind.
  @Suite("lockferry statd on test hosts") struct OwnStatusMonitor {
    @Test("B1 it answers over every transport, refuses a second one, and ends cleanly")
    func lifeCycle() async throws {
      try await withTestNetwork { network in
        let host = try await network.addHost("server")
        try await host.startPortMapper()
        let monitor = try await host.startOwnStatusMonitor()
        for (transport, address) in [
          ("udp", "127.0.0.1"), ("tcp", "127.0.0.1"), ("udp", host.address), ("tcp", host.address),
          ("udp6", "::1"), ("tcp6", "::1"),
        ] {
          try await host.run(["rpcinfo", "-T", transport, address, "status"]).orThrow()
        }
        for option in ["-u", "-t"] {
          try await host.run(["rpcinfo", option, "127.0.0.1", "status", "1"]).orThrow()
        }
        let second = try await host.run([HostTestKit.builtProgram("lockferry"), "statd"])
        #expect(second.end == .exited(108), "\(second.errors)")

        // rpc.statd's user, and no capability to be taken over from the network.
        let pid = try #require(monitor.pid)
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let statd = try #require(HostTestKit.statdUser)
        #expect(status.contains("Uid:\t\(statd)\t\(statd)\t\(statd)\t\(statd)\n"))
        for thread in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task") {
          // One of them may have ended meanwhile.
          let path = "/proc/\(pid)/task/\(thread)/status"
          guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { continue }
          for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
            #expect(text.contains("\(set):\t0000000000000000\n"), "thread \(thread)")
          }
        }
        #expect(host.stateNumber == 3, "as rpc.statd begins where the file is empty")

        let (end, took) = try await monitor.terminate()
        #expect(end.succeeded)
        #expect(took < .seconds(20))
        #expect(try await !host.run(["rpcinfo", "-T", "udp", "127.0.0.1", "status"]).end.succeeded)
      }
    }

    @Test("B1 whoever connects and says nothing, or half a word, holds up nobody")
    func silentCallers() async throws {
      try await withTestNetwork { network in
        let server = try await network.addHost("server")
        let stranger = try await network.addHost("stranger")
        try await server.startPortMapper()
        try await server.startOwnStatusMonitor("--port", "4002")
        let script = """
          for i in $(seq 12); do exec {fd}<>/dev/tcp/$1/4002; printf '\\x80\\x00\\x00\\x40abc' >&$fd; done
          echo connected; sleep 600
          """
        let silent = try await stranger.start(["bash", "-c", script, "silent", server.address])
        try await eventually("the stranger is connected") { silent.output.contains("connected") }
        let answer = try await server.monitor("10.0.0.11", as: "server")
        #expect(answer.result == "success")
        try await server.run(["rpcinfo", "-T", "tcp", "127.0.0.1", "status"]).orThrow()
      }
    }

    @Test("M7 the real sm-notify of another server reaches the lock manager, by name and by address")
    func restartIsPassedOn() async throws {
      try await withTestNetwork { network in
        try network.name("10.77.0.10", "nfs.demo.test", "nfs")
        let adoptive = try await network.addHost("b")
        let client = try await network.addHost("client")
        try await client.startPortMapper()
        try await client.startOwnStatusMonitor()
        let listener = try await client.listen(callbacks: 2)
        // The name as an operator mounts by it, and the address as lockd has it by default.
        try await client.monitor("nfs.demo.test", as: "client.demo.test")
        try await client.monitor("10.77.0.10", as: "other.demo.test")
        try await client.monitor("10.77.0.77", as: "client.demo.test")
        try await adoptive.notify(
          from: "10.77.0.10", as: "nfs.demo.test", clients: [client.address], state: 71)
        try await eventually("both are called back") { try listener.callbacks().count == 2 }
        let callbacks = try listener.callbacks()
        #expect(Set(callbacks.map(\.monName)) == ["nfs.demo.test", "10.77.0.10"])
        #expect(callbacks.allSatisfy { $0.state == 71 })
      }
    }

    @Test("M7 a lock manager that starts later is told then")
    func lateLockManager() async throws {
      try await withTestNetwork { network in
        let client = try await network.addHost("client")
        let server = try await network.addHost("server")
        try await client.startPortMapper()
        let monitor = try await client.startOwnStatusMonitor()
        try await client.monitor(server.address, as: "client.demo.test")
        // The source address alone says who it is.
        try await server.run([
          HostTestKit.builtProgram("nsm-peer"), "notify", "--host", client.address, "--mon-name", "nobody",
          "--state", "9",
        ]).orThrow()
        try await eventually("the status monitor has noticed") {
          monitor.errors.contains("restarted, state 9")
        }
        let listener = try await client.listen(callbacks: 1)
        let callback = try await listener.callback("the lock manager is told")
        #expect(callback.monName == server.address)
        #expect(callback.state == 9)
      }
    }

    @Test("B1 rpc.statd and lockferry statd take turns on one directory")
    func takingTurns() async throws {
      try await withTestNetwork { network in
        let host = try await network.addHost("server")
        let client = try await network.addHost("client")
        try await host.startPortMapper()
        var monitor = try await host.startStatusMonitor()
        try await host.monitor(client.address, as: "server")
        #expect(host.recordNames == ["client.demo.test"])
        let record = try host.record("client.demo.test")
        try await monitor.terminate()

        monitor = try await host.startOwnStatusMonitor()
        let known = try await host.monitor(client.address, as: "server")
        #expect(known.result == "success")
        #expect(try host.record("client.demo.test") == record, "known already: nothing is written")
        try await host.monitor("10.0.0.12", as: "server")
        try await host.monitor(client.address, as: "second")
        #expect(host.recordNames == ["10.0.0.12", "client.demo.test"])
        try await monitor.terminate()

        monitor = try await host.startStatusMonitor()
        for (peer, name) in [("10.0.0.12", "server"), (client.address, "server"), (client.address, "second")]
        {
          try await host.monitor(peer, as: name)
        }
        #expect(host.recordNames == ["10.0.0.12", "client.demo.test"], "rpc.statd knows all of them")
        let listener = try await host.listen(callbacks: 2)
        try await client.run([
          HostTestKit.builtProgram("nsm-peer"), "notify", "--host", host.address, "--mon-name",
          "client.demo.test", "--state", "5",
        ]).orThrow()
        try await eventually("rpc.statd calls back for both lines") { try listener.callbacks().count == 2 }
        try await host.unmonitor("10.0.0.12", as: "server")
        #expect(host.recordNames == ["client.demo.test"])
        try await monitor.terminate()

        monitor = try await host.startOwnStatusMonitor()
        try await host.unmonitor(client.address, as: "second")
        try await host.unmonitor(client.address, as: "server")
        #expect(host.recordNames.isEmpty)
      }
    }

    @Test(
      "B1 killed in the middle of a stream of SM_MON: every client that was answered is on the disk, whole")
    func killed() async throws {
      try await withTestNetwork { network in
        let host = try await network.addHost("server")
        let client = try await network.addHost("client")
        try await host.startPortMapper()
        var answered: Set<String> = []
        for round in 0..<8 {
          let monitor = try await host.startOwnStatusMonitor()
          let stream = try await host.startRegistering(
            4000, from: round * 4096, as: "server", window: round.isMultiple(of: 2) ? 1 : 64)
          try await eventually(within: .seconds(900), "some are answered") {
            stream.output.split(separator: "\n").count > 20 + round * 40 || !stream.isRunning
          }
          try await monitor.kill()
          try await stream.kill()
          let peers = try TestHost.registrations(in: stream.output).map(\.monName)
          #expect(peers.count > 20)
          answered.formUnion(peers)
          let missing = answered.subtracting(host.recordNames)
          #expect(missing.isEmpty, "round \(round): \(missing.count) of \(answered.count) are missing")
        }
        for peer in answered {
          let record = try host.record(peer)
          #expect(record.hasSuffix(" \(peer) server\n") && record.utf8.count == 69 + peer.utf8.count + 8)
        }
        // What was there before is known to the next one, and nothing unfinished is left.
        let monitor = try await host.startOwnStatusMonitor()
        #expect(!host.recordNames.contains { $0.hasPrefix(".") })
        let peer = try #require(answered.first)
        let listener = try await host.listen(callbacks: 1)
        try await client.run([
          HostTestKit.builtProgram("nsm-peer"), "notify", "--host", host.address, "--mon-name", peer,
          "--state", "5",
        ]).orThrow()
        #expect(try await listener.callback("a client of before is known").monName == peer)
        try await monitor.terminate()
        note("\(answered.count) clients answered in 8 rounds")
      }
    }
  }
}

extension TestHost {
  fileprivate func record(_ client: String) throws -> String {
    try String(contentsOfFile: statusDirectory + "/sm/" + client, encoding: .utf8)
  }

  /// Has the real sm-notify tell clients that the server `name`, whose address this host takes, restarted.
  fileprivate func notify(
    from address: String, as name: String, clients: [String], state: Int32
  ) async throws {
    let folder = disk + "/private"
    for name in ["sm", "sm.bak"] {
      try FileManager.default.createDirectory(atPath: folder + "/" + name, withIntermediateDirectories: true)
    }
    for client in clients {
      let cookie = String(repeating: "0", count: 32)
      try Data("0100007f 000186b5 00000003 00000010 \(cookie) \(client) \(name)\n".utf8)
        .write(to: URL(fileURLWithPath: folder + "/sm/\(client)"))
    }
    try withUnsafeBytes(of: state) { try Data($0).write(to: URL(fileURLWithPath: folder + "/state")) }
    try await run(["chown", "-R", "statd", folder]).orThrow()
    try await run(["ip", "address", "add", "\(address)/24", "dev", "eth0"]).orThrow()
    _ = try await start(["sm-notify", "-d", "-n", "-m", "1", "-P", folder, "-v", name])
  }
}
