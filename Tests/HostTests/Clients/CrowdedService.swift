import Foundation
import HostTestKit
import Testing

/// The service of two servers with a crowd of clients, which live on the adoptive server's own loopback.
struct CrowdedService {
  let servers: TwoServers
  let crowd: HostCrowd
  /// The adoptive server's daemon.
  let daemon: HostProgram

  static let names = [TwoServers.serverName, "nfs", TwoServers.address]

  /// Both daemons run, the primary's has every client's record in the store.
  init(in network: TestNetwork, clients: Int, _ options: [String]) async throws {
    servers = try await TwoServers(in: network)
    try servers.makeStore()
    // The crowd takes rpcbind's port, so that there is no rpc.statd to probe.
    try servers.writeNodeFiles { $0.probes = [] }
    crowd = try await servers.adoptive.startCrowd(clients: clients, names: Self.names, options)
    let cookie = String(repeating: "0", count: 32)
    for client in crowd.addresses {
      let line = "0100007f 000186b5 00000003 00000010 \(cookie) \(client) \(TwoServers.serverName)\n"
      try Data(line.utf8).write(
        to: URL(fileURLWithPath: "\(servers.primary.statusDirectory)/sm/\(client)"))
    }
    daemon = try await servers.startDaemons().adoptive
    try await servers.waitUntilMirrored(servers.primary, records: clients, within: .seconds(240))
  }

  /// The records of those who are left to tell, by the adoptive server; nil before it has begun.
  var left: Int? {
    let attempts = servers.adoptive.disk + "/state/notify/\(TwoServers.service)"
    guard let attempt = try? FileManager.default.contentsOfDirectory(atPath: attempts).first,
      let records = try? FileManager.default.contentsOfDirectory(atPath: "\(attempts)/\(attempt)/sm"),
      records.isEmpty,
      let retired = try? FileManager.default.contentsOfDirectory(atPath: "\(attempts)/\(attempt)/sm.bak")
    else { return nil }
    return retired.count
  }
}
