import Foundation
import HostTestKit
import Testing

/// Of a test that is not about failover: a machine that is busy with everything else as well must not cause one.
let patient: @Sendable (inout NodeFile) -> Void = { $0.beats = "{store_timeout: 5s, lease: 30s}" }

/// Runs `body` on two servers with a store, status monitors and a client, daemons not yet started.
func withTwoServers(
  _ change: (inout NodeFile) -> Void = { _ in }, _ body: (TwoServers) async throws -> Void
) async throws {
  try await withTestNetwork { network in
    let site = try await TwoServers(in: network)
    try site.makeStore()
    try site.writeNodeFiles(change)
    try await site.startStatusMonitors()
    try await body(site)
  }
}

extension TwoServers {
  /// The record's file in the store, as an operator finds it.
  func storedRecord(_ client: String) -> Data? {
    FileManager.default.contents(atPath: "\(store)/services/\(Self.service)/sm/\(client)")
  }

  /// The record's file in a server's status directory.
  func record(_ client: String, on host: TestHost) -> Data? {
    FileManager.default.contents(atPath: "\(host.statusDirectory)/sm/\(client)")
  }

  /// Who has the service's address. `former` is asked last: an address that is on both hosts is seen on both,
  /// while one that moves from `former` meanwhile is not.
  func holders(former: TestHost) async throws -> [String] {
    var holders: [String] = []
    for host in servers.filter({ $0 !== former }) + [former] where host.isOn {
      if try await host.has(address: Self.address) { holders.append(host.name) }
    }
    return holders
  }
}

/// Prints a figure, which is not judged: machines differ.
func note(_ text: String) {
  try? FileHandle.standardError.write(contentsOf: Data("    \(text)\n".utf8))
}
