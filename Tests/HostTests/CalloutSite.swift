import Foundation
import Glibc
import HostTestKit
import Testing

/// One server of one service, with a store that outlives it, and rpc.statd with our callout.
struct CalloutSite {
  let network: TestNetwork
  let server: TestHost
  let store: String
  let callout: String

  static let service = "home"
  static let serverName = "nfs.demo.test"

  init(
    in network: TestNetwork, _ change: (inout NodeFile) -> Void = { _ in }
  ) async throws {
    self.network = network
    try network.name("10.77.0.10", Self.serverName, "nfs")
    server = try await network.addHost("a")
    store = network.sharedPath("lockferry")
    callout = try server.installCallout()
    var file = NodeFile(
      node: "a", store: store, stateDirectory: server.disk + "/state",
      services: [
        NodeFile.Service(
          name: Self.service, home: "a", candidates: ["a"], names: [Self.serverName],
          address: "10.77.0.10/\(TestNetwork.prefixLength)")
      ])
    // Not about failover: a machine that is busy with everything else as well must not cause one.
    file.beats = "{store_timeout: 5s, lease: 30s}"
    // Nor must it cost a record.
    file.callout = "{limit: 30s}"
    change(&file)
    try server.write(file)
    try makeStore()
  }

  func makeStore() throws {
    try network.makeFolder(store)
    try "lockferry directory store, format 1\n".write(
      toFile: store + "/.lockferry-store", atomically: true, encoding: .utf8)
  }

  /// How many power cuts a test plays, where `LOCKFERRY_POWER_CUTS` says so.
  static let powerCuts = ProcessInfo.processInfo.environment["LOCKFERRY_POWER_CUTS"].flatMap { Int($0) }

  /// The switched off server and the store are as they were at first: the next round begins with nothing.
  func forgetEverything() throws {
    for folder in ["sm", "sm.bak"] {
      let path = "\(server.statusDirectory)/\(folder)"
      for name in try FileManager.default.contentsOfDirectory(atPath: path) { unlink("\(path)/\(name)") }
    }
    try FileManager.default.removeItem(atPath: store)
    try makeStore()
  }

  @discardableResult
  func startStatusMonitor() async throws -> HostProgram {
    try await server.startPortMapper()
    return try await server.startStatusMonitor(callout: callout)
  }

  /// Starts the daemon and waits until it owns the service and hears callouts.
  @discardableResult
  func startDaemon() async throws -> HostProgram {
    let daemon = try await server.startLockferry()
    try await waitForDaemon()
    return daemon
  }

  func waitForDaemon() async throws {
    try await eventually("the daemon owns the service and hears callouts") {
      let status = try await server.status()
      return status.service(Self.service)?.state == "online" && status.callout?.listening == true
        && status.service(Self.service)?.mirror != nil
    }
  }

  /// After a plan clients may still be reclaiming, and what departs then is kept.
  func waitUntilDeletionsAreAllowed() async throws {
    try await eventually("the mirror is not frozen") {
      try await mirror().frozen == false
    }
  }

  func mirror() async throws -> StatusAnswer.Mirror {
    try #require(try await server.status().service(Self.service)?.mirror)
  }

  func heard() async throws -> StatusAnswer.Callout { try #require(try await server.status().callout) }

  /// The record's file in the store, as an operator finds it.
  func stored(_ client: String) -> Data? {
    FileManager.default.contents(atPath: "\(store)/services/\(Self.service)/sm/\(client)")
  }

  /// The record's file in the status directory.
  func record(_ client: String) -> Data? {
    FileManager.default.contents(atPath: "\(server.statusDirectory)/sm/\(client)")
  }

  /// The store has what statd wrote about `client`, now.
  func isDurable(_ client: String) -> Bool { stored(client).map { $0 == record(client) } ?? false }
}

/// Runs `body` on a server with rpc.statd and its callout; the daemon is not started yet.
func withCalloutSite(
  _ change: (inout NodeFile) -> Void = { _ in }, _ body: (CalloutSite) async throws -> Void
) async throws {
  try await withTestNetwork { network in
    let site = try await CalloutSite(in: network, change)
    try await site.startStatusMonitor()
    try await body(site)
  }
}

/// Holds a store's lock against every other process (fcntl(2) excludes locks of open files, too).
func whileLocked(_ store: String, _ body: () async throws -> Void) async throws {
  let file = open(store + "/.lock", O_RDWR | O_CLOEXEC)
  try #require(file != -1)
  defer { close(file) }
  try await eventually("\(store) is locked") {
    var range = Glibc.flock()
    range.l_type = Int16(F_WRLCK)
    range.l_whence = Int16(SEEK_SET)
    return fcntl(file, F_SETLK, &range) == 0
  }
  try await body()
}
