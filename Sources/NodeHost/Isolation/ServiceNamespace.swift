import CLinux
import Glibc

/// A network namespace and mounts that only one service uses, on whatever node owns it.
///
/// lockd, nfsd and the table of rpcbind are per network namespace: the service has a grace period, locks, records and a
/// port table of its own, and nothing that happens to it reaches the node's other clients. Both namespaces have names, so
/// that a daemon that starts again finds them, and so does an operator:
/// `nsenter --net=/run/netns/lockferry-home --mount=/run/lockferry/isolated/home.mounts`.
///
/// ```
/// /run/netns/lockferry-SERVICE       the network namespace, made by ip-netns(8)
/// RUN/isolated/SERVICE.mounts        the mount namespace, a bind mount of /proc/…/ns/mnt
/// RUN/isolated/SERVICE/              what the service sees as RUN: where its callouts are heard
/// STATE/isolated/SERVICE/nfs/        what it sees as /var/lib/nfs: its status directory
/// STATE/isolated/SERVICE/exports     what it sees as /etc/exports
/// ```
public struct ServiceNamespace: Sendable, Equatable {
  /// The service's name.
  public let service: String
  /// What survives a reboot.
  public let folder: String
  /// `run_directory` of this node.
  public let runDirectory: String
  /// The node's interface, or bridge, through which the service reaches its network.
  public let parent: String

  /// The interface within that has the service's address.
  public static let interface = "service"

  /// Nothing is made yet.
  ///
  /// - Parameter service: a name that may be a file's.
  public init(service: String, stateDirectory: String, runDirectory: String, parent: String) {
    self.service = service
    self.folder = stateDirectory + "/isolated/" + service
    self.runDirectory = runDirectory
    self.parent = parent
  }

  /// As `ip netns` calls it.
  public var name: String { "lockferry-" + service }
  /// The file of the network namespace.
  public var networkNamespace: String { "/run/netns/" + name }
  /// The file of the mount namespace.
  public var mountNamespace: String { "\(runFolder)/\(service).mounts" }
  /// The folder that the service has in the place of ``runDirectory``.
  public var ownRunDirectory: String { "\(runFolder)/\(service)" }
  /// The service's status directory, as seen from outside.
  public var statusDirectory: String { folder + "/nfs" }

  var runFolder: String { runDirectory + "/isolated" }
  var exportsFile: String { folder + "/exports" }

  /// Whether any part of it is there. To be called on a thread of your own.
  public func stands() -> Bool {
    access(networkNamespace, F_OK) == 0 || access(mountNamespace, F_OK) == 0
  }

  /// Moves the calling thread, and it alone, into both for good.
  ///
  /// - Throws: ``NodeHostError``: `absent` where one of them isn't there.
  public func enter() throws(NodeHostError) {
    try enterNetwork()
    let failure = lfh_enter_mount_namespace(mountNamespace)
    if failure != 0 { throw NodeHostError(-failure, "mount namespace \(mountNamespace)") }
  }

  /// Moves the calling thread, and it alone, into its network; threads that it starts are there as well.
  ///
  /// - Throws: ``NodeHostError``: `absent` where it isn't there.
  public func enterNetwork() throws(NodeHostError) {
    let failure = lfh_enter_network_namespace(networkNamespace)
    if failure != 0 { throw NodeHostError(-failure, "network namespace \(networkNamespace)") }
  }

  /// Runs a program within.
  public func run(
    _ arguments: [String], environment: [String: String] = [:], hostName: String? = nil,
    within limit: Duration
  ) async -> CommandOutcome {
    await HostCommand.run(
      arguments, environment: environment, within: limit, networkNamespace: networkNamespace,
      mountNamespace: mountNamespace, hostName: hostName)
  }
}
