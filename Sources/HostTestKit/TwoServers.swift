import Foundation

/// The set-up of the demo and of most tests: two servers that share a folder, and an NFS client; one service
/// whose home is the first server.
public struct TwoServers: Sendable {
  /// The network of all three.
  public let network: TestNetwork
  /// Server `a`, the service's home.
  public let primary: TestHost
  /// Server `b`.
  public let adoptive: TestHost
  /// The NFS client's machine.
  public let client: TestHost
  /// The folder of the shared store, which both servers see under this path. ``makeStore()`` makes it.
  public var store: String

  /// The service.
  public static let service = "home"
  /// The name under which clients mount it.
  public static let serverName = "nfs.demo.test"
  /// Its address.
  public static let address = "10.77.0.10"
  /// The name of the client's machine.
  public static let clientName = "client.demo.test"

  /// Three hosts on which nothing runs yet.
  public init(in network: TestNetwork) async throws {
    self.network = network
    try network.name(Self.address, Self.serverName, "nfs")
    primary = try await network.addHost("a")
    adoptive = try await network.addHost("b")
    client = try await network.addHost("client")
    store = network.sharedPath("lockferry")
  }

  /// Both servers.
  public var servers: [TestHost] { [primary, adoptive] }

  /// The node file of a server, as the demo has it.
  public func nodeFile(for host: TestHost) -> NodeFile {
    NodeFile(
      node: host.name, store: store, stateDirectory: host.disk + "/state",
      services: [
        NodeFile.Service(
          name: Self.service, home: primary.name, candidates: servers.map(\.name), names: [Self.serverName],
          address: Self.address + "/\(TestNetwork.prefixLength)")
      ])
  }

  /// Makes the store, as its operator does once: a folder with the file that marks it. Without that a mount point
  /// whose file system is missing would be taken for an empty store.
  public func makeStore() throws {
    try network.makeFolder(store)
    try "lockferry directory store, format 1\n".write(
      toFile: store + "/.lockferry-store", atomically: true, encoding: .utf8)
  }

  /// Writes both node files, each changed by `change` before.
  public func writeNodeFiles(_ change: (inout NodeFile) -> Void = { _ in }) throws {
    for host in servers {
      var file = nodeFile(for: host)
      change(&file)
      try host.write(file)
    }
  }

  /// Starts rpcbind and rpc.statd on all three.
  public func startStatusMonitors() async throws {
    for host in [primary, adoptive, client] {
      try await host.startPortMapper()
      try await host.startStatusMonitor()
    }
  }

  /// Starts the daemons, the primary's first, and waits until the service is online there and could go to the other
  /// server.
  @discardableResult
  public func startDaemons() async throws -> (primary: HostProgram, adoptive: HostProgram) {
    let first = try await primary.startLockferry()
    try await waitUntil(primary, owns: Self.service)
    let second = try await adoptive.startLockferry()
    try await eventually(
      within: .seconds(60), "the servers see each other's beats, and b could adopt the service"
    ) {
      // What b says of itself reaches the primary some time after b itself knows it.
      let seen = try await primary.status()
      guard seen.peer(adoptive.name)?.beat == "alive",
        seen.service(Self.service)?.reasons(against: adoptive.name).isEmpty == true
      else { return false }
      let status = try await adoptive.status()
      return status.peer(primary.name)?.beat == "alive" && status.service(Self.service)?.candidate == true
    }
    return (first, second)
  }

  /// Waits until `host` says that it owns the service and has the address.
  public func waitUntil(
    _ host: TestHost, owns service: String, within limit: Duration = .seconds(60)
  ) async throws {
    try await eventually(within: limit, "service \(service) is online on \(host.name)") {
      guard let status = try await host.status().service(service), status.state == "online",
        status.owner == host.name
      else { return false }
      return try await host.has(address: Self.address)
    }
  }

  /// The client takes its first lock, as far as the status monitors see it: each side monitors the other. Returns
  /// the state number that the server's status monitor had.
  @discardableResult
  public func firstLock(on server: TestHost) async throws -> Int {
    try await client.monitor(Self.serverName, as: Self.clientName)
    return try await server.monitor(client.address, as: Self.serverName).state
  }

  /// Waits until the store holds what `server`'s status directory does, `records` of them.
  @discardableResult
  public func waitUntilMirrored(
    _ server: TestHost, records: Int, within limit: Duration = .seconds(60)
  ) async throws -> StatusAnswer.Mirror {
    try await value(within: limit, "\(records) records of \(server.name) are in the store") {
      let mirror = try await server.status().service(Self.service)?.mirror
      return mirror?.recordsSeen == records && mirror?.recordsMirrored == records ? mirror : nil
    }
  }

  /// The entry of the last adoption by `host` with every client, once it is in the history.
  public func adoption(by host: TestHost, within limit: Duration = .seconds(60)) async throws -> HistoryAnswer
  {
    let entry = try await value(within: limit, "the adoption by \(host.name) is in the history") {
      try await host.history(Self.service).last { $0.kind == "adoption" && $0.to == host.name }
    }
    return try await host.historyEntry(entry.number, of: Self.service)
  }
}
