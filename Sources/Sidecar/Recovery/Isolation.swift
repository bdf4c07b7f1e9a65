import Cluster
import NodeHost
import StatusMonitor

extension ServiceConfiguration {
  /// How it is isolated; nil where it is not.
  var isolation: IsolationConfiguration? {
    if case .isolated(let isolation) = serverRecovery { isolation } else { nil }
  }

  /// Its adoption restarts this node's own NFS server or lock manager, whose other clients lose their locks.
  var restartsOwnServer: Bool { serverRecovery != nil && isolation == nil && !usesGanesha }

  /// It is served by this node's NFS-Ganesha.
  var usesGanesha: Bool { serverRecovery == .ganesha }

  /// Its addresses on their link, which is in `namespace` where it has one; nil where commands or others move them.
  func addressLinks(in namespace: ServiceNamespace?) throws(NodeHostError) -> ServiceAddresses? {
    guard case .interface(let addresses) = address else { return nil }
    var links: [ServiceAddressLink] = []
    for each in addresses {
      links.append(
        try ServiceAddressLink(
          address: each.address, prefixLength: each.prefixLength,
          interface: namespace == nil ? each.interface : ServiceNamespace.interface,
          networkNamespace: namespace?.networkNamespace))
    }
    return ServiceAddresses(links)
  }
}

extension NodeConfiguration {
  /// Where the service lives while it is here; nil where it shares this node's NFS server.
  func namespace(of service: ServiceConfiguration) -> ServiceNamespace? {
    guard service.isolation != nil, case .interface(let addresses) = service.address,
      let interface = addresses.first?.interface
    else { return nil }
    return ServiceNamespace(
      service: service.name.text, stateDirectory: stateDirectory, runDirectory: runDirectory,
      parent: interface)
  }

  /// The NFS server that it has there; nil where it shares this node's.
  func server(of service: ServiceConfiguration) -> ServiceServer? {
    guard let isolation = service.isolation, let namespace = namespace(of: service) else { return nil }
    let statusMonitor: ServiceStatusMonitor =
      switch isolation.statusMonitor {
      case .rpcStatd: .rpcStatd
      case .lockferry:
        .lockferry(runDirectory: runDirectory, limit: calloutLimit, refuses: whenNotMirrored == .refuse)
      }
    return ServiceServer(
      namespace: namespace, threads: isolation.threads, gracePeriod: mirror.gracePeriod,
      statusMonitor: statusMonitor,
      version4: isolation.clientRecords.map {
        ServiceVersion4(clientRecords: $0, scope: service.names.first ?? service.name.text)
      })
  }

  /// ``namespace(of:)``
  func namespace(of name: ServiceName) -> ServiceNamespace? {
    services.first { $0.name == name }.flatMap(namespace)
  }
}

extension IsolationConfiguration {
  /// What is exported, read now.
  func exportLines() async throws -> ExportLines {
    switch exports {
    case .lines(let lines): return try ExportLines(lines.joined(separator: "\n"))
    case .file(let path):
      do {
        return try await OwnThread.run("lf-exports") { try ExportLines(file: path) }
      } catch {
        throw PlanError("\(path): \(error)")
      }
    }
  }
}

extension NFSServerFacts {
  /// What the kernel's server says of itself that serves a service: its own in `namespace`, or this node's.
  static func read(for namespace: ServiceNamespace?) async throws -> NFSServerFacts {
    guard let namespace else { return try await OwnThread.run("lf-nfsd") { NFSServerFacts.read() } }
    return await read(in: namespace, within: .seconds(5))
  }
}

/// The mirror of each service: one follows this node's status directory for all services that share its NFS server, and
/// each isolated service has its own.
struct Mirrors: Sendable {
  /// Of this node's own status directory.
  let shared: MirrorShell
  /// Of each isolated service's.
  let own: [ServiceName: MirrorShell]

  /// The one that carries the records of `service`.
  func of(_ service: ServiceName) -> MirrorShell { own[service] ?? shared }

  /// All of them.
  var all: [MirrorShell] { [shared] + own.values }
}
