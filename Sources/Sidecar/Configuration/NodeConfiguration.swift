public import Cluster
public import NodeHost

/// The node file, checked: what this node is called, where things are, and what it serves.
///
/// Every duration is positive unless said otherwise. `docs/configuration.md` lists the keys as written.
public struct NodeConfiguration: Sendable, Equatable {
  /// This node's name; unique in the cluster.
  public var node: NodeName
  /// Where the shared store is.
  public var store: StoreLocation
  /// `store_staleness`: how long another node may see an old value of the store (an NFS mount's attribute
  /// cache, 0 on a local disk). Default 0.
  public var storeStaleness: Duration
  /// `status_directory`: the folder with `sm`, `sm.bak` and `state`; nil means: look in nfs.conf, then take
  /// the distribution's default.
  public var statusDirectory: String?
  /// `server_names`: the names under which clients mount this node's own exports, those that are no service's. Default:
  /// this machine's host name.
  public var serverNames: [String]
  /// `run_directory`: lock file and control socket. Default `/run/lockferry`.
  public var runDirectory: String
  /// `state_directory`: what must survive a reboot. Default `/var/lib/lockferry`.
  public var stateDirectory: String
  /// `control_group`: a group whose members may open the control socket besides root.
  public var controlGroup: String?
  /// The health endpoint and the probes.
  public var health: HealthConfiguration
  /// Beats and the lease they renew.
  public var beats: BeatTimings
  /// `self_fence`: the machine's own watchdog; nil is none. Its time is ``BeatTimings/watchdog``.
  public var selfFence: SelfFenceConfiguration?
  /// `addresses`: how the addresses of services are taken.
  public var addresses: AddressConfiguration
  /// When this node adopts, and how long it tries.
  public var adoption: AdoptionConfiguration
  /// `overload`: when this node has too much to do; nil is never.
  public var overload: OverloadConfiguration?
  /// `watchdog`: daemons of this machine that are restarted when they are dead.
  public var watchdog: [WatchedDaemon]
  /// `callout.limit`: how long a new client's lock waits for its record to be durable. Default 2 s, 10 ms to 30 s.
  public var calloutLimit: Duration
  /// `statd.when_not_mirrored`: what `lockferry statd` answers for a client whose record isn't durable in the store
  /// within ``calloutLimit``. Default `grant`.
  public var whenNotMirrored: WhenNotMirrored
  /// The mirror and its deletion guard.
  public var mirror: MirrorTimings
  /// The services this node knows, in the order of the file.
  public var services: [ServiceConfiguration]
}

/// `self_fence:` of the node file.
public struct SelfFenceConfiguration: Sendable, Equatable {
  /// `watchdog`: a watchdog device, or a FIFO whose reader is one.
  public var watchdog: String
}

/// `addresses:` of the node file.
public struct AddressConfiguration: Sendable, Equatable {
  /// `probe`: how others are asked whether they have an address before it is taken. Default: 3 times, 100 ms apart.
  public var probing = AddressProbing.usual
  /// `announce`: how often neighbours are told that it is here now. Default: 6 times, the first two 100 ms apart.
  public var announcing = AddressAnnouncing.usual

  /// The defaults.
  public init() {}
}

/// `adoption:` of the node file.
public struct AdoptionConfiguration: Sendable, Equatable {
  /// `check_interval`: from one round of `storage.check` and `recovery.check` to the next. Default 5 s.
  public var checkInterval = Duration.seconds(5)
  /// `witness`: what is asked at the service's address, besides the owner's health endpoint. Default NFS, version 3.
  public var witnesses: [HealthProbe.Program] = [.nfs]
  /// What the core decides by.
  public var policy = AdoptionPolicy()

  /// The defaults.
  public init() {}
}

/// One entry of `watchdog:`.
public struct WatchedDaemon: Sendable, Equatable {
  /// `name`: what messages call it.
  public var name: String
  /// `probe`: what is asked.
  public var probe: HealthProbe
  /// `restart`: starts it again.
  public var restart: CommandConfiguration
  /// `failures`, `within` and `quiet`.
  public var settings: DaemonWatchdog.Settings
}

/// `overload:` of the node file.
public struct OverloadConfiguration: Sendable, Equatable {
  /// What is measured.
  public enum Measure: Sendable, Equatable {
    /// `load`: the load average of a minute for each processor, above which the node is overloaded. 0.1 to 1000.
    case load(Double)
    /// `command`: exit status 0 says that it is not.
    case command(CommandConfiguration)
  }
  /// What is measured.
  public var measure: Measure
  /// `for`: how long it has to last. Default 5 min.
  public var hold: Duration
  /// `interval`: from one sample to the next. Default 10 s.
  public var interval: Duration
  /// How long the node's report counts, each time that it is written: long enough to outlive a store that is away for a
  /// while, short enough to end with the daemon.
  var reportLasts: Duration { min(max(hold, interval * 3), NodeReport.longest) }
}

/// `statd.when_not_mirrored:` of the node file.
public enum WhenNotMirrored: String, Sendable, Equatable, CaseIterable {
  /// The client gets its lock, and the log says so.
  case grant
  /// The client gets no lock.
  case refuse
}

/// `store:` of the node file.
public enum StoreLocation: Sendable, Equatable {
  /// `directory:/absolute/path`
  case directory(String)
}

/// `health:` of the node file.
public struct HealthConfiguration: Sendable, Equatable {
  /// `listen`: address and port of the health-ping endpoint, `[::1]:9943` for IPv6. Default `127.0.0.1:9943`.
  public var listenHost: String
  /// The port; 0 lets the kernel choose (the log names it).
  public var listenPort: Int
  /// `interval` between two rounds of probes. Default 1 s.
  public var interval: Duration
  /// `report_token_file`: whose first line whoever reports to the endpoint must know; nil is: no reports.
  public var reportTokenFile: String?
  /// `failures`: this many failed rounds one after the other make the node unhealthy. Default 3, 1...100.
  public var failures: Int
  /// `probes`; an empty list means: healthy as long as the daemon runs.
  public var probes: [HealthProbe]
}

/// One thing that is asked whether it is well.
public struct HealthProbe: Sendable, Equatable {
  /// What is asked.
  public enum Subject: Sendable, Equatable {
    /// The NULL procedure of an RPC program on `host`.
    case program(name: String, number: UInt32, version: UInt32, transport: Transport, host: String)
    /// A program run without a shell; well means exit status 0.
    case command([String])
  }

  /// An RPC program without a place.
  public struct Program: Sendable, Equatable {
    /// For people.
    public var name: String
    /// Its number.
    public var number: UInt32
    /// Its version.
    public var version: UInt32
    /// Over what it is asked.
    public var transport: Transport

    /// NFS, version 3, over TCP.
    public static let nfs = Program(name: "nfs", number: 100_003, version: 3, transport: .tcp)
  }

  /// Over what an RPC program is asked.
  public enum Transport: String, Sendable, Equatable {
    /// Datagrams.
    case udp
    /// A connection.
    case tcp
  }

  /// What is asked.
  public var subject: Subject
  /// `timeout`: no answer by then is a failure. Default 1 s.
  public var timeout: Duration
}

/// One entry of `services:`.
public struct ServiceConfiguration: Sendable, Equatable {
  /// `name`
  public var name: ServiceName
  /// `home`: the node that serves it when all is well.
  public var home: NodeName
  /// `candidates`: who may adopt it, best first. The home node is a candidate wherever it stands.
  public var candidates: [NodeName]
  /// `names`: the host names under which clients mount it; the first is the source name of notifications.
  public var names: [String]
  /// `address`, or nil where something else moves the address.
  public var address: ServiceAddressConfiguration?
  /// `fence`: how the old owner is stopped before an adoption that it did not agree to. No default: the
  /// operator writes `none` or a command.
  public var fence: FenceConfiguration
  /// `storage.attach`: makes the file system available here.
  public var attachStorage: CommandConfiguration?
  /// `storage.detach`: takes it away again.
  public var detachStorage: CommandConfiguration?
  /// `storage.mounts`: where its file systems are mounted, none twice. Without any no lock inventory is taken.
  public var storageMounts: [String]
  /// `storage.check`: tells whether this node could attach it.
  public var storageCheck: CommandConfiguration?
  /// `recovery.server`: what makes the NFS server enter its grace period with the exports of the service.
  public var serverRecovery: ServerRecovery?
  /// `recovery.without_grace: tell`: without ``serverRecovery`` clients are told whether a grace period runs or not.
  public var tellsWithoutGrace: Bool
  /// `recovery.withdraw`: makes the NFS server stop serving the service.
  public var serverWithdrawal: CommandConfiguration?
  /// `recovery.own_clients`: whether clients of this node's own NFS server are told that ``serverRecovery`` restarted
  /// it. Default `tell`.
  public var tellsOwnClients: Bool
  /// `recovery.check`: tells whether this node could serve its exports.
  public var recoveryCheck: CommandConfiguration?
  /// `recovery.notify`: who tells the clients. Default `built-in`.
  public var notification: NotificationConfiguration
  /// `failback`: how it comes home after a failover. Default manual.
  public var failback: FailbackPolicy
  /// `election`: how its candidates agree on who tries to take it. Default `race`.
  public var election: Election
  /// `priority`: what this node bids in a vote, 0 to 1000. Default 100.
  public var priority: Int
}

/// `recovery.server:` of a service.
public enum ServerRecovery: Sendable, Equatable {
  /// An operator's command.
  case command(CommandConfiguration)
  /// lockferry restarts this node's NFS server, or its lock manager.
  case restart(NodeRestart)
  /// This node's NFS-Ganesha begins a grace period.
  case ganesha
  /// The service has an NFS server of its own, in a network namespace of its own.
  case isolated(IsolationConfiguration)
}

/// `recovery.server.isolated:` of a service.
public struct IsolationConfiguration: Sendable, Equatable {
  /// What is exported.
  public enum Exports: Sendable, Equatable {
    /// A file as exports(5) describes it, read when the service comes here.
    case file(String)
    /// Such lines.
    case lines([String])
  }

  /// `exports`. Default: the file `/etc/lockferry/SERVICE.exports`.
  public var exports: Exports
  /// `threads` of nfsd, 1...4096. Default 8.
  public var threads: Int
  /// `gateway`: the router of the service's network; nil where all clients are in that network.
  public var gateway: String?
  /// `status_monitor`: who keeps the records of its clients. Default `rpc.statd`.
  public var statusMonitor = StatusMonitor.rpcStatd
  /// `nfs4`: the folder of NFSv4's client records, on the service's own storage; nil is no NFSv4.
  public var clientRecords: String?

  /// Programs that keep records.
  public enum StatusMonitor: String, Sendable, Equatable, CaseIterable {
    /// nfs-utils' own.
    case rpcStatd = "rpc.statd"
    /// `lockferry statd`, as ``NodeConfiguration/calloutLimit`` and ``NodeConfiguration/whenNotMirrored`` say.
    case lockferry
  }
}

/// `address:` of a service.
public enum ServiceAddressConfiguration: Sendable, Equatable {
  /// `address: 10.0.0.10/24` or a list of such, with `interface: eth0`; at least one, none twice.
  case interface([InterfaceAddress])
  /// `address: {take: [...], release: [...], address: 10.0.0.10}`: an operator's command.
  case command(address: String, take: CommandConfiguration, release: CommandConfiguration)
}

/// One address of a service and the network interface that gets it.
public struct InterfaceAddress: Sendable, Equatable {
  /// The address in canonical text.
  public var address: String
  /// 1...32 for IPv4, 1...128 for IPv6.
  public var prefixLength: Int
  /// The interface.
  public var interface: String
}

extension ServiceAddressConfiguration {
  /// Without prefix lengths, in the order of the file.
  var addresses: [String] {
    switch self {
    case .interface(let addresses): addresses.map(\.address)
    case .command(let address, _, _): [address]
    }
  }
}

extension ServiceConfiguration {
  /// Its addresses, without prefix lengths.
  var addresses: [String] { address?.addresses ?? [] }
}

/// `fence:` of a service.
public enum FenceConfiguration: Sendable, Equatable {
  /// Written down by the operator: nothing proves that the old owner is off.
  case none
  /// Exit status 0 confirms that the old owner is off.
  case command(CommandConfiguration)
}

/// `recovery.notify:` of a service.
public enum NotificationConfiguration: Sendable, Equatable {
  /// lockferry's own notifier. `retry`: how long clients that do not answer are told again, 1 min...24 h, default
  /// 15 min.
  case builtIn(retry: Duration)
  /// nfs-utils' sm-notify on a private state directory. `retry`: how long it goes on, whole minutes, 1...1440,
  /// default 15.
  case smNotify(retry: Duration)
  /// An operator's command.
  case command(CommandConfiguration)

  /// How long clients that do not answer are told again by whoever of lockferry's own tells them.
  var retry: Duration {
    switch self {
    case .builtIn(let retry), .smNotify(let retry): retry
    case .command: Self.usualRetry
    }
  }

  static let usualRetry = Duration.seconds(15 * 60)
}

/// A program and how long it may take; run without a shell.
public struct CommandConfiguration: Sendable, Equatable {
  /// Absolute path and arguments.
  public var arguments: [String]
  /// `timeout`. Default 60 s.
  public var timeout: Duration
}
