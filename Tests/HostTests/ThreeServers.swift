import Foundation
import HostTestKit

/// Three servers that share a store; one service, at home on the first of them.
struct ThreeServers {
  let network: TestNetwork
  let servers: [TestHost]
  let store: String
  /// In the order of the servers.
  let daemons: [HostProgram]

  var a: TestHost { servers[0] }
  var b: TestHost { servers[1] }
  var c: TestHost { servers[2] }

  /// Runs `body` on them; daemons and status monitors run, the service is online on `a` and could go to whoever says
  /// so.
  static func run(
    _ change: (inout NodeFile) throws -> Void = { _ in }, _ body: (ThreeServers) async throws -> Void
  ) async throws {
    try await withTestNetwork { network in
      try network.name(TwoServers.address, TwoServers.serverName, "nfs")
      var servers: [TestHost] = []
      for name in ["a", "b", "c"] { servers.append(try await network.addHost(name)) }
      let store = network.sharedPath("lockferry")
      try network.makeFolder(store)
      try "lockferry directory store, format 1\n".write(
        toFile: store + "/.lockferry-store", atomically: true, encoding: .utf8)
      for host in servers {
        var file = NodeFile(
          node: host.name, store: store, stateDirectory: host.disk + "/state",
          services: [
            NodeFile.Service(
              name: TwoServers.service, home: "a", candidates: ["a", "b", "c"],
              names: [TwoServers.serverName],
              address: TwoServers.address + "/\(TestNetwork.prefixLength)")
          ])
        try change(&file)
        try host.write(file)
        try await host.startPortMapper()
        try await host.startStatusMonitor()
      }
      var daemons: [HostProgram] = []
      for host in servers { daemons.append(try await host.startLockferry()) }
      let site = ThreeServers(network: network, servers: servers, store: store, daemons: daemons)
      try await site.waitUntil("a", owns: TwoServers.service, seenBy: site.a)
      try await eventually("everybody sees everybody beat") {
        for host in servers {
          guard try await host.status().peers.allSatisfy({ $0.beat == "alive" }) else { return false }
        }
        return true
      }
      try await body(site)
    }
  }

  /// Waits until `host` sees the service online on `node`.
  func waitUntil(_ node: String, owns service: String, seenBy host: TestHost) async throws {
    try await eventually("\(service) is online on \(node)") {
      guard let seen = try await host.status().service(service) else { return false }
      return seen.owner == node && seen.state == "online"
    }
  }

  /// What `host` sees of the service.
  func service(seenBy host: TestHost) async throws -> StatusAnswer.Service? {
    try await host.status().service(TwoServers.service)
  }
}
